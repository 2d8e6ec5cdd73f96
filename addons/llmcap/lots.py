"""
Calls that are ordered together: a batch, as sums of what each of its calls is bounded by.

A line of a batch is bounded like a call of its own and forgotten; what is kept is how many tokens
all of them read and write at most, by model and terms. Prices and a model's own limits come in only
when the batch is ordered, so a file may wait for that as long as its provider keeps it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from llmcap.bounds.media import media_bound, units_of
from llmcap.errors import FormatError
from llmcap.estimate import (
    CONTEXT_WINDOW_UNKNOWN,
    MARKUP_TOKENS,
    MAX_OUTPUT_UNKNOWN,
    TOOL_PROMPT_TOKENS,
    measured,
    sold,
)  # fmt: skip
from llmcap.money import ceil_nanos
from llmcap.pricing import cost_usd, worst_rates
from llmcap.providers.shape import Ask, Lot, Work
from llmcap.records import Bounded, Count, Demand, Price, Unbounded, Usage

# The lowest context tier of any model begins here (Claude Haiku 5.5). Where no call of a lot reads
# so much, the sum of their tokens is priced without regard to tiers.
TIERLESS_TOKENS = 100_000

# How many kinds of calls one file may have: models, terms, helpers.
LOTS_MAX = 200

_Key = tuple[object, ...]


# --- summing up -----------------------------------------------------------------------------


@dataclass(slots=True)
class Sums:
    """Adds one call after the other to its lot. `count` gives the tokens of a call's own text."""

    family: str
    _lots: dict[_Key, "_Sum"] = field(default_factory=dict)

    def add(self, ask: Ask, *, counted: int | None = None) -> None:
        """Take a call in. Raises `FormatError` where there are too many kinds of them."""
        key = (ask.model, ask.other_models, ask.terms, ask.sound, ask.plain)
        found = self._lots.get(key)
        if found is None:
            if len(self._lots) >= LOTS_MAX:
                raise FormatError(f"it has more than {LOTS_MAX} kinds of calls (models, terms)")
            lot = Lot(ask.model, ask.other_models, ask.terms, ask.sound, ask.plain)
            found = self._lots[key] = _Sum(lot)
        found.add(ask, self.family, ask.text_bytes if counted is None else counted)

    def lots(self) -> tuple[Lot, ...]:
        """What there is so far."""
        return tuple(each.lot() for each in self._lots.values())


@dataclass(slots=True)
class _Sum:
    kind: Lot
    calls: int = 0
    read: int = 0
    counted: int = 0
    windows: int = 0
    longest: int = 0
    written: int = 0
    endless: int = 0
    fees: dict[str, Count] = field(default_factory=dict)
    measures: dict[str, Count] = field(default_factory=dict)

    def add(self, ask: Ask, family: str, counted: int) -> None:
        self.calls += 1
        besides = ask.extra_input
        if ask.generates:
            besides += TOOL_PROMPT_TOKENS if ask.tools else MARKUP_TOKENS
        # What nothing bounds fills the window of each prompt at most, with all the rest.
        media = [media_bound(each, seller=family, model=ask.model, looked=True)
                 for each in ask.media if not each.beside]  # fmt: skip
        if ask.remote_input or any(isinstance(each, Unbounded) for each in media):
            self.windows += ask.loops * ask.prompts
        else:
            besides += sum(int(each.most) for each in media if isinstance(each, Bounded))
            self.read += (ask.text_bytes + besides) * ask.loops
            self.counted += (min(counted, ask.text_bytes) + besides) * ask.loops
            self.longest = max(self.longest, ask.text_bytes + besides)
        self.written += ask.extra_output
        if ask.generates and ask.output_limit is None:
            self.endless += ask.choices
        elif ask.generates:
            self.written += (ask.output_limit or 0) * ask.choices
        for sums, units in ((self.fees, ask.fees), (self.measures, ask.measures)):
            for unit, count in units.items():
                sums[unit] = sums.get(unit, 0) + count
        for each in ask.media:
            if each.unit:
                most = units_of(each, seller=family, looked=True)
                sums = self.fees if each.beside else self.measures
                sums[each.unit] = sums.get(each.unit, 0) + most

    def lot(self) -> Lot:
        return replace(
            self.kind,
            plain=self.kind.plain
            and not (self.fees or self.measures or self.windows or self.kind.others)
            and not self.kind.sound
            and self.longest <= TIERLESS_TOKENS,
            calls=self.calls, read=self.read, counted=self.counted, windows=self.windows,
            longest=self.longest, written=self.written, endless=self.endless, fees=self.fees,
            measures=self.measures,
        )  # fmt: skip


def summed(asks: Iterable[Ask], *, family: str) -> tuple[Lot, ...]:
    """The lots of calls that stand in one request. Raises `FormatError` for too many kinds."""
    sums = Sums(family)
    for ask in asks:
        sums.add(ask)
    return sums.lots()


# --- what they cost -------------------------------------------------------------------------


def lots_demand(
    lots: Iterable[Lot], price_of: Callable[[str], Price], *, counted: bool = False
) -> Demand:
    """
    The most that all of them can cost: each at the dearest rates that one of its calls can meet.

    With `counted`, their text is bounded by the tokens that were counted, not by its bytes.
    """
    usd = Decimal(0)
    tokens = 0
    for lot in lots:
        price = price_of(lot.model)
        others = [price_of(model) for model in lot.others]
        window = price.context_window or CONTEXT_WINDOW_UNKNOWN
        read = (lot.counted if counted else lot.read) + lot.windows * window
        longest = max(lot.longest, window if lot.windows else 0)
        rates = [
            worst_rates(each, lot.terms, longest, audio=lot.sound) for each in (price, *others)
        ]
        written = lot.written + lot.endless * (price.max_output or MAX_OUTPUT_UNKNOWN)
        tokens += read + written
        if lot.unit:
            usd += cost_usd(Usage(extras={lot.unit: read}), price, lot.terms)
            continue
        usd += read * sum((rate for rate, _ in rates), Decimal(0))
        usd += written * max(rate for _, rate in rates)
        if fees := {**lot.fees, **measured(lot.measures, price)}:
            usd += cost_usd(Usage(extras=fees), price, lot.terms)
    return Demand(
        fixed_nanos=ceil_nanos(usd), per_output_nanos=Decimal(0), output_limit=0,
        fixed_tokens=tokens,
    )  # fmt: skip


def unsold(lots: Iterable[Lot], price_of: Callable[[str], Price]) -> str:
    """The first model that is sold by a unit which its calls do not name; "" for none."""
    for lot in lots:
        told = {**lot.fees, **measured(lot.measures, price_of(lot.model))}
        ask = Ask(model=lot.model, fees=told)
        if not lot.unit and sold(ask, price_of(lot.model)) is None:
            return lot.model
    return ""


# --- keeping them ---------------------------------------------------------------------------


def to_json(work: Work) -> str:
    """Compact; what is zero or empty is left out."""
    lots = [
        {
            name: _plain(value)
            for name in Lot.__dataclass_fields__
            if (value := getattr(lot, name)) not in (0, "", ()) and value != {}
        }
        | {"plain": lot.plain}
        for lot in work.lots
    ]
    document = {"purpose": work.purpose, "lots": lots, "unreadable": work.unreadable}
    return json.dumps(document, separators=(",", ":"))


def from_json(text: str) -> Work:
    """What `to_json` wrote. Raises `FormatError` where another version did, in its own way."""
    try:
        document = json.loads(text)
        lots = [
            Lot(**{name: _rich(value) for name, value in lot.items()}) for lot in document["lots"]
        ]
        return Work(document["purpose"], tuple(lots), document["unreadable"])
    except (ValueError, TypeError, KeyError, ArithmeticError):
        raise FormatError("another version of LLMCap has read it: upload it again") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {unit: count if isinstance(count, int) else str(count)
                for unit, count in value.items()}  # fmt: skip
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {unit: Decimal(count) if isinstance(count, str) else count
                for unit, count in value.items()}  # fmt: skip
    return value
