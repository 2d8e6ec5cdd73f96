"""
What a call used and what that costs: the words of meters and of the price book.

They hold data only; `pricing` computes with them. Maps are never changed after they are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from llmcap.words.frozen import record

Count = int | Decimal
NOTHING: Mapping[str, Count] = MappingProxyType({})


# --- what a call used -----------------------------------------------------------------------


@record(frozen=True, slots=True)
class Usage:
    """
    Counts by unit. The two totals hold everything; the fields below each are parts of them.

    `extras` are billable units that are no tokens, by the name they have in `pricing/units.yaml`:
    `web_search`, `image`, `input_character`, `audio_second`, `page`, ...
    """

    input_tokens: int = 0
    output_tokens: int = 0
    # parts of input_tokens
    cache_read: int = 0
    cache_write_5m: int = 0  # every write that is not known to have the dearer one-hour lifetime
    cache_write_1h: int = 0
    input_audio: int = 0
    input_image: int = 0
    input_video: int = 0
    cache_read_audio: int = 0  # part of cache_read and of input_audio
    cache_read_image: int = 0  # part of cache_read and of input_image
    cache_read_video: int = 0  # part of cache_read and of input_video
    # parts of output_tokens
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    extras: Mapping[str, Count] = NOTHING

    @property
    def is_nothing(self) -> bool:
        """Whether it has no count of anything that is billed."""
        return not (self.input_tokens or self.output_tokens or any(self.extras.values()))


COUNTS = tuple(name for name in Usage.__dataclass_fields__ if name != "extras")


@dataclass(frozen=True, slots=True)
class Period:
    """From a time on, and until another, where there is one."""

    since: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether a time is in it."""
        return self.since <= at and (self.until is None or at < self.until)


@record(frozen=True, slots=True)
class Charge:
    """
    One part of a call's bill: usage at one model under some terms.

    `terms` select the price's variants: `batch`, `flex`, `priority`, `fast`, `geo-us`, ... A call
    has several charges when helpers on other models worked for it. What is `unbilled` was told, and
    costs nothing to who called in that period.
    """

    model: str
    usage: Usage
    terms: tuple[str, ...] = ()
    unbilled: Period | None = None

    def is_free(self, at: datetime) -> bool:
        """Whether nothing of it is billed to a call of that time."""
        return self.unbilled is not None and self.unbilled.holds(at)


@dataclass(frozen=True, slots=True)
class Made:
    """
    Something at the provider that calls name in place of a model: an agent, a profile, a cache.

    `models` are those that may work where it is named, `tools` those of theirs that have a fee.
    """

    id: str
    models: tuple[str, ...]
    tools: tuple[str, ...] = ()
    calls: int = 0  # of an order, by the id of its call: how many answers it is to have


@record(frozen=True, slots=True)
class Reading:
    """
    What a provider's reader understood of one response, at any moment of it.

    `complete` says that the provider's final usage was seen. Until then `charges` hold what was
    reported so far, and the counts of visible output bound what was not; then these may be too low.
    """

    charges: tuple[Charge, ...] = ()
    complete: bool = False
    terms: tuple[str, ...] = ()  # what was told so far of the terms under which it is served
    untold: tuple[str, ...] = ()  # the kinds of term of which neither request nor answer told
    usual: frozenset[str] = frozenset()  # those that a whole answer tells, where they are not usual
    model: str | None = None  # the one that served, as the response names it
    response_id: str | None = None  # the identity under which a deferred usage is charged once
    billed_usd: Decimal | None = None  # the provider's own bill, where it tells one
    error: str | None = None  # the machine code of an error inside a 200
    deferred: bool = False  # the usage will come, or came, with another exchange
    over: bool = False  # the work has ended, with its usage or without
    also: tuple[str, ...] = ()  # further identities under which the same usage may be told
    others: tuple["Reading", ...] = ()  # what the same response tells of other work
    answers: int | None = None  # to so many calls, where each that was ordered has one in the whole
    made: tuple[Made, ...] = ()  # what it tells of things that calls may name
    visible_bytes: int = 0  # UTF-8 bytes of generated text seen so far
    visible_events: int = 0  # deltas that carried output
    called: int = 0  # calls of tools that it has written, whoever runs them
    stopped: int = 0  # choices of which the end was seen
    begun: int | None = None  # calls of the provider's own tools; None: such a stream shows none


# --- what it costs --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates for calls that read more than `above` input tokens; the whole call, or the rest."""

    above: int
    rates: Mapping[str, Decimal]
    marginal: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """What a term of service changes: rates of its own, or a factor on all of them."""

    rates: Mapping[str, Decimal] = MappingProxyType({})
    factor: Decimal = Decimal(1)
    tiers: tuple[Tier, ...] = ()
    unasked: bool = False  # a provider's account setting may apply it without the call asking
    carried: bool = False  # nobody says that it still holds: what it saves is not counted on


@dataclass(frozen=True, slots=True)
class Price:
    """
    What one model costs from `since` on: USD per price unit of each billable unit.

    How many of a unit make one price unit is in `pricing/units.yaml` (tokens: one million).
    """

    provider: str
    model: str
    rates: Mapping[str, Decimal]
    tiers: tuple[Tier, ...] = ()
    variants: Mapping[str, Variant] = MappingProxyType({})
    since: str | None = None  # ISO date or time; None means "as far back as we know"
    source: str = ""
    max_output: int | None = None  # tokens
    context_window: int | None = None  # tokens
    reasons: bool = True  # may spend output tokens that the response does not show
    # A router's: the models that may serve a call, and what it charges on top of the one that did.
    serves: tuple[str, ...] = ()
    fee: Mapping[str, Decimal] = MappingProxyType({})
    # Where its own are not known, what stands in: what other sellers of the same model list, else
    # the largest of any model in its vendor's list.
    model_window: int | None = None
    model_output: int | None = None
    vendor_window: int | None = None
    vendor_output: int | None = None

    @property
    def reads_most(self) -> int | None:
        """
        The tokens that its model reads at most; None where nobody lists them.

        A window at whose very end dearer rates begin is the usual one: calls that read more are
        sold too, so it bounds only those of which something else says that they do not.
        """
        if any(tier.above == self.context_window for tier in self.tiers):
            return None
        return self.context_window

    def __hash__(self) -> int:
        """What is computed of a price is kept by it: its tables do not have to be looked at."""
        return hash((self.provider, self.model, self.since))
