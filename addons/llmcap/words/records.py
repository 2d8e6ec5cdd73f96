"""
The words of LLMCap as frozen records, in the order in which one call meets them.

They hold data and small pure properties; the functions that compute with them live beside the
subject (`pricing`, `estimate`, `budget`, `ledger`, `firewall`). Amounts are integer nano-dollars
(`*_nanos`), times are aware UTC datetimes, maps are never changed after they are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from llmcap.words.errors import NoBound
from llmcap.words.frozen import record
from llmcap.words.rules import (
    NO_BREAKERS,
    AlertTarget,
    BreakerRules,
    CaptureRule,
    HostPolicy,
    OwnHost,
    TelemetryRule,
    Threshold,
)  # fmt: skip
from llmcap.words.usage import NOTHING, Charge, Count, Price, Reading, Tier, Usage, Variant

# These had their place here, and may still be asked of this file while others move too.
__all__ = [
    "NOTHING", "Admit", "Balance", "Bound", "Bounded", "Budget", "BudgetMode", "Call", "CapUnit",
    "Charge", "Count", "Demand", "Deny", "Ending", "EndpointPolicy", "Entry", "EntryKind", "Hold",
    "HoldMode", "Part", "Policy", "Price", "ProcessPolicy", "Reading", "Scope", "Settlement",
    "Tier", "Unbounded", "UnknownPolicy", "Usage", "Variant", "Wait",
]  # fmt: skip


# --- the call -------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Call:
    """
    One request to a provider's API, as budgets and the ledger see it.

    `attributes` are what `match` and `per` can name: provider, model, host, endpoint, key,
    organisation, project, user, tag, customer, client, cwd, proxy_user, port, session, feature,
    organization, and `metadata.NAME` for names that the config has. A key is its keyed
    fingerprint; nothing here comes from a prompt.
    """

    id: str
    at: datetime
    provider: str
    endpoint: str
    model: str
    attributes: Mapping[str, str] = MappingProxyType({})
    trace: str = field(default="", compare=False)  # the W3C `traceparent` of its caller; not kept


@record(frozen=True, slots=True)
class Bounded:
    """A part of a demand that has a most: so many of its unit, and who says so."""

    most: Count
    by: str  # "the bytes of the body", "the request's max_tokens", "the model's window", ...


@record(frozen=True, slots=True)
class Unbounded:
    """A part of a demand that nothing in the request bounds: the model's dearest, or a refusal."""

    why: str


Bound = Bounded | Unbounded


class Part(NamedTuple):
    """
    One part of a demand: how many of what at most, what they cost, and who says so.

    Where nobody bounds it, `unbounded` says why, and `most` is what stands in for it: the most that
    the model, or any of its vendor's, can do.
    """

    what: str  # "text", "output", "web_search", ...
    most: Count
    nanos: Decimal  # exact; a demand rounds the sum of its parts
    by: str  # "the bytes of the body", "the request's own limit", "the model's window", ...
    unbounded: str = ""

    @property
    def bound(self) -> Bound:
        """The part as its bound: its most, or why there is none."""
        return Unbounded(self.unbounded) if self.unbounded else Bounded(self.most, self.by)


@record(frozen=True, slots=True)
class Demand:
    """
    The most a call may cost, in the form that admission needs.

    The ceiling is `fixed + output_limit * per_output`. A clamp lowers `output_limit`, never below
    `output_min`; `clampable` is false where the request cannot be rewritten or has no limit to
    lower. A sliced stream holds `held_limit` tokens of its output at first, and more as it flows.
    The token figures are for budgets whose cap counts tokens.

    It is made of `parts` by `bounds.parts.assembled`, and never comes to nothing unless `free` says
    why it may: a demand of nothing fits a full budget, for ever.
    """

    fixed_nanos: int  # input at its dearest rate, fees, and output that no limit governs
    per_output_nanos: Decimal  # for one more token of the limit, all choices together
    output_limit: int  # tokens, as the request or the model sets it
    output_min: int = 0
    clampable: bool = False
    held_limit: int | None = None  # None: all of `output_limit`
    fixed_tokens: int = 0
    per_output_tokens: int = 1  # choices
    parts: tuple[Part, ...] = ()
    free: str = ""  # who says that the call costs nothing

    def __post_init__(self) -> None:
        if not (self.fixed_nanos or self.free or (self.output_limit and self.per_output_nanos)):
            raise NoBound("a call that costs something cannot be held at nothing")

    def unclamped(self) -> "Demand":
        """The same, all of it or nothing. By hand, as most calls need it: `replace` is slow."""
        if not self.clampable:
            return self
        return Demand(
            self.fixed_nanos, self.per_output_nanos, self.output_limit, self.output_min, False,
            self.held_limit, self.fixed_tokens, self.per_output_tokens, self.parts, self.free,
        )  # fmt: skip

    def ceiling_nanos(self, output_limit: int | None = None) -> int:
        """The bound in money with this limit (default: the request's own), rounded up."""
        limit = self.output_limit if output_limit is None else output_limit
        output_nanos = (limit * self.per_output_nanos).to_integral_value(ROUND_CEILING)
        return self.fixed_nanos + int(output_nanos)

    def ceiling_tokens(self, output_limit: int | None = None) -> int:
        """The bound in tokens, input and output together."""
        limit = self.output_limit if output_limit is None else output_limit
        return self.fixed_tokens + limit * self.per_output_tokens


# --- budgets --------------------------------------------------------------------------------


class CapUnit(StrEnum):
    """What a cap counts."""

    USD = "usd"  # nano-dollars
    TOKENS = "tokens"
    REQUESTS = "requests"
    CONCURRENT = "concurrent"  # calls in flight; nothing is ever spent


class HoldMode(StrEnum):
    """How much of a stream's possible output is held at once."""

    CEILING = "ceiling"
    SLICED = "sliced"


class BudgetMode(StrEnum):
    """Whether a budget stops anything."""

    ENFORCE = "enforce"
    WATCH = "watch"  # it is decided and written what it would have done, and nothing is done


@dataclass(frozen=True, slots=True)
class Budget:
    """A cap for one scope over one window. `every` is as typed; `budget.window` reads it."""

    name: str
    cap: int  # nano-dollars, tokens, requests or calls, by `unit`
    unit: CapUnit = CapUnit.USD
    every: str = "once"
    timezone: str = "UTC"
    match: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # attribute -> glob patterns
    per: tuple[str, ...] = ()
    hold: HoldMode = HoldMode.CEILING
    allow: tuple[Mapping[str, tuple[str, ...]], ...] = ()  # calls that do not fall under it
    at: tuple[Threshold, ...] = ()
    mode: BudgetMode = BudgetMode.ENFORCE

    @property
    def watched(self) -> bool:
        """Whether it only looks on."""
        return self.mode is BudgetMode.WATCH


@dataclass(frozen=True, slots=True)
class Scope:
    """One budget as it applies to one call: for one value of `per`, in one window."""

    budget: Budget
    value: str  # "" where the budget has no `per`
    window_start: datetime
    resets_at: datetime | None  # None: never
    run: str = ""  # which run of the proxy, where the window is `run`
    reach: timedelta = timedelta(0)  # rolling windows: starts nearer than this count together

    @property
    def name(self) -> str:
        """The budget, and of which value, for people."""
        return f"{self.budget.name} ({self.value})" if self.value else self.budget.name


@dataclass(frozen=True, slots=True)
class Balance:
    """What a scope has spent and holds, in the unit of its cap."""

    spent: int = 0
    held: int = 0
    calls: int = 0
    refused: int = 0
    raised: int = 0  # added to the cap for this window by hand
    paused: bool = False  # by hand: nothing is admitted until it is resumed


class UnknownPolicy(StrEnum):
    """What to do with a model that has no price."""

    REFUSE = "refuse"
    MOST_EXPENSIVE = "most_expensive"  # bill it as the dearest model of its provider
    ALLOW = "allow"  # forward unmetered, at cost 0: the explicit way out


class EndpointPolicy(StrEnum):
    """What to do with a paid-looking request that no provider file knows."""

    AUTO = "auto"  # refuse where the host serves only an API, pass where it also serves a product
    REFUSE = "refuse"
    PASS = "pass"  # noqa: S105 - no password


class ProcessPolicy(StrEnum):
    """Whether to look up which local program makes a call, and where it runs."""

    AUTO = "auto"  # where a budget or a breaker asks for it
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Policy:
    """Every setting, resolved and checked. The defaults are the safe ones."""

    budgets: tuple[Budget, ...] = ()
    prices: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    accounts: Mapping[str, Mapping[str, str]] = MappingProxyType({})  # kind of term -> default
    unknown_models: UnknownPolicy = UnknownPolicy.REFUSE
    price_updates: tuple[str, ...] | None = None  # daily, from these sources; empty: the usual ones
    unknown_endpoints: EndpointPolicy = EndpointPolicy.AUTO
    unmetered_hosts: HostPolicy = HostPolicy.AUTO
    pass_hosts: tuple[str, ...] = ()  # those of them that may pass, whatever is said of the others
    fail_open: bool = False
    mode: BudgetMode = BudgetMode.ENFORCE  # of budgets that say nothing else
    clamp: bool = True
    min_output: int = 256  # tokens that a clamp must leave
    wait_seconds: Decimal = Decimal(20)
    waiters_max: int = 1000
    # The PostgreSQL that keeps these budgets for a fleet, with its password; none: it is no node.
    treasury: str = field(default="", repr=False)
    restart_offline: str = "refuse"  # allow: allotments of before are usable without its word
    durability: str = "normal"  # normal: survives a killed process; full: also a power cut
    refusal_status: str = "auto"  # auto | 429 | 402 | 401 | 400
    allow_fields: tuple[str, ...] = ()  # fields of requests that the user knows to cost nothing
    trusted_headers: tuple[str, ...] = ()  # that may name a project, user, customer or tag
    metadata: tuple[str, ...] = ()  # of it, the names that are attributes
    identify_processes: ProcessPolicy = ProcessPolicy.AUTO
    breakers: BreakerRules = NO_BREAKERS
    alerts: tuple[AlertTarget, ...] = ()
    telemetry: TelemetryRule | None = None
    reconcile: CaptureRule | None = None
    hosts: tuple[OwnHost, ...] = ()
    confine: bool = False  # whether `llmcap run` gives its command a network of its own
    confine_ports: tuple[int, ...] = ()  # that lead out of that; none: the usual ones
    # Where the real keys of providers are, by provider: `llmcap run` gives its command stand-ins.
    keys: Mapping[str, str] = MappingProxyType({})


# --- admission ------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Hold:
    """Money reserved for one call in flight. Ended exactly once, by a `Settlement`."""

    id: int
    call: Call
    held_nanos: int
    held_tokens: int
    scopes: tuple[Scope, ...]
    balance_ids: tuple[int, ...]  # the ledger's, in the order of `scopes`


@record(frozen=True, slots=True)
class Admit:
    """The call may go; `output_limit` is set where the request must be clamped to it."""

    hold: Hold
    output_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Calls in flight hold what this one needs: ask again when one of them ends."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Deny:
    """The first scope, in the config's order, that cannot carry the call, and its figures."""

    scope: Scope
    balance: Balance
    needed: int  # in the cap's unit: the least with which the call could have gone


class Ending(StrEnum):
    """How a hold ends."""

    SETTLED = "settled"  # the usage is known
    ASSUMED = "assumed"  # the outcome is not known: what was metered, or the hold
    RELEASED = "released"  # the provider refused, or was never reached: free


@record(frozen=True, slots=True)
class Settlement:
    """The end of a hold: what the call really used and cost."""

    ending: Ending
    cost_nanos: int
    usage: Usage = field(default_factory=Usage)
    model: str | None = None  # the one that served
    response_id: str | None = None
    note: str = ""  # why it was assumed, released or above its hold


# --- the ledger -----------------------------------------------------------------------------


class EntryKind(StrEnum):
    """What an entry records."""

    HOLD = "hold"
    EXTENSION = "extension"
    SETTLED = "settled"
    ASSUMED = "assumed"
    RELEASED = "released"
    REFUSED = "refused"
    CHARGED = "charged"  # a deferred usage, which no hold was waiting for
    CORRECTION = "correction"  # the difference to what an earlier entry said
    ADJUSTED = "adjusted"  # a balance changed by hand


@record(frozen=True, slots=True)
class Entry:
    """
    One immutable row of the ledger, with the facts of the call it belongs to.

    `cost_nanos` is what this entry added to the call's cost: the sum over a call's entries is its
    cost, and a correction may be negative. `usage` is compact JSON, units that are zero left out.
    """

    id: int
    at: datetime
    kind: EntryKind
    hold_id: int | None  # the entry that reserved the money which this one is about
    call_id: str
    provider: str
    endpoint: str
    model: str
    attributes: Mapping[str, str]
    held_nanos: int  # reserved (hold, extension) or given back (the endings)
    cost_nanos: int
    usage: Mapping[str, Count] = NOTHING
    served_model: str | None = None
    response_id: str | None = None
    note: str = ""

    @property
    def overrun_nanos(self) -> int:
        """How far a settled cost is above its hold: a bug report about the bound."""
        if self.kind not in (EntryKind.SETTLED, EntryKind.ASSUMED):
            return 0
        return max(self.cost_nanos - self.held_nanos, 0)
