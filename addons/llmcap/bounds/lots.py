"""
Calls that are ordered together: a batch, as sums of what each of its calls is bounded by.

A line of a batch is bounded like a call of its own and forgotten; what is kept is how many tokens
all of them read and write at most, by model and terms. Prices and a model's own limits come in only
when the batch is ordered, so a file may wait for that as long as its provider keeps it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from llmcap.bounds.added import added
from llmcap.bounds.estimate import (
    measured,
    rates_of,
    sold,
)  # fmt: skip
from llmcap.bounds.media import media_bound, units_of
from llmcap.bounds.parts import DOLLARS, OWN_OUTPUT, assembled, most_read, most_written
from llmcap.bounds.reading import Read
from llmcap.pricing import cost_usd
from llmcap.pricing.terms import STANDARD, settled
from llmcap.providers.parts.shape import Ask, Lot, Work
from llmcap.words.counts import several
from llmcap.words.errors import FormatError
from llmcap.words.records import Bounded, Count, Demand, Part, Price, Unbounded, Usage

# The lowest context tier of any model begins here (Claude Haiku 5.5). Where no call of a lot reads
# so much, the sum of their tokens is priced without regard to tiers.
TIERLESS_TOKENS = 100_000

# How many kinds of calls one file may have: models, terms, helpers.
LOTS_MAX = 200

# Who bounds what in a demand of many calls.
BY_LINES = "the lines that order them"

_Key = tuple[object, ...]


# --- summing up -----------------------------------------------------------------------------


@dataclass(slots=True)
class Sums:
    """Adds one call after the other to its lot. `count` gives the tokens of a call's own text."""

    family: str
    _lots: dict[_Key, "_Sum"] = field(default_factory=dict)

    def add(self, ask: Ask, *, counted: int | None = None) -> None:
        """Take a call in. Raises `FormatError` where there are too many kinds of them."""
        unread = bool(ask.unread)
        key = (ask.model, ask.other_models, ask.terms, ask.sound, ask.plain, unread)
        found = self._lots.get(key)
        if found is None:
            if len(self._lots) >= LOTS_MAX:
                raise FormatError(f"it has more than {LOTS_MAX} kinds of calls (models, terms)")
            lot = Lot(
                ask.model, ask.other_models, ask.terms, ask.sound, ask.plain, unread=unread
            )  # fmt: skip
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
    thoughts: int = 0
    fees: dict[str, Count] = field(default_factory=dict)
    measures: dict[str, Count] = field(default_factory=dict)

    def add(self, ask: Ask, family: str, counted: int) -> None:
        times = ask.unread_times
        self.calls += times
        besides = ask.extra_input
        if ask.generates:
            row = added(family, ask.model)
            besides += row.tools if ask.tools else row.plain
        # What nothing bounds fills the window of each prompt at most, with all the rest.
        media = [media_bound(each, seller=family, model=ask.model, looked=True)
                 for each in ask.media if each.also or not each.beside]  # fmt: skip
        unseen = ask.remote_input or ask.remote or ask.unread
        if unseen or any(isinstance(each, Unbounded) for each in media):
            self.windows += ask.loops * ask.prompts * times
        else:
            besides += sum(int(each.most) for each in media if isinstance(each, Bounded))
            self.read += (ask.text_bytes + besides) * ask.loops * times
            self.counted += (min(counted, ask.text_bytes) + besides) * ask.loops * times
            self.longest = max(self.longest, ask.text_bytes + besides)
        self.written += ask.extra_output * times
        answers = ask.choices * times if ask.generates else 0
        if ask.thought is None:
            self.thoughts += answers
        elif ask.output_limit is None:
            self.endless += answers
        else:
            self.written += ask.output_limit * answers
        self.written += (ask.thought or 0) * answers
        for sums, units in ((self.fees, ask.fees), (self.measures, ask.measures)):
            for unit, count in units.items():
                sums[unit] = sums.get(unit, 0) + count * times
        for each in ask.media:
            if each.unit:
                most = units_of(each, seller=family, looked=True)
                sums = self.fees if each.beside else self.measures
                sums[each.unit] = sums.get(each.unit, 0) + most * times

    def lot(self) -> Lot:
        return replace(
            self.kind,
            plain=self.kind.plain
            and not (self.fees or self.measures or self.windows or self.kind.others)
            and not (self.kind.sound or self.kind.unread)
            and self.longest <= TIERLESS_TOKENS,
            calls=self.calls, read=self.read, counted=self.counted, windows=self.windows,
            longest=self.longest, written=self.written, endless=self.endless,
            thoughts=self.thoughts, fees=self.fees, measures=self.measures,
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
    parts: list[Part] = []
    prices: list[Price] = []
    tokens = 0
    for lot in lots:
        price = price_of(lot.model)
        others = [price_of(model) for model in lot.others]
        prices += (price, *others)
        read, written, longest = _most_of(lot, [price, *others], counted=counted)
        tokens += sum(each.tokens for each in (*read, *written))
        rates = [_rates(lot, each, longest) for each in (price, *others)]
        if lot.unit:
            for each in read:
                usd = cost_usd(Usage(extras={lot.unit: each.tokens}), price, lot.terms)
                parts.append(each.costing(usd.scaleb(DOLLARS)))
            continue
        input_rate = sum((rate for rate, _ in rates), Decimal(0))
        output_rate = max(rate for _, rate in rates)
        parts += (each.costing(each.tokens * input_rate) for each in read)
        parts += (each.costing(each.tokens * output_rate) for each in written)
        for unit, count in {**lot.fees, **measured(lot.measures, price)}.items():
            usd = cost_usd(Usage(extras={unit: count}), price, lot.terms)
            parts.append(Part(unit, count, usd.scaleb(DOLLARS), BY_LINES))
    return assembled(parts, prices, fixed_tokens=tokens)


def _most_of(
    lot: Lot, prices: Sequence[Price], *, counted: bool
) -> tuple[list[Read], list[Read], int]:
    """What its calls read and write at most, and the most that one of them reads at once."""
    calls = several(lot.calls, "call")
    read = [Read(f"text of {calls}", lot.counted if counted else lot.read, BY_LINES)]
    written = [Read(f"output of {calls}", lot.written, BY_LINES)]
    longest = lot.longest
    if lot.windows:
        window, by = most_read(prices, why := "its lines name what nobody has seen", lot.terms)
        read.append(Read("input", lot.windows * window, by, why))
        longest = max(longest, window)
    if lot.endless:
        most, by = most_written(prices, why := "its lines set no limit to their output")
        written.append(Read("output", lot.endless * most, by, "" if by == OWN_OUTPUT else why))
    if lot.thoughts:
        most, by = most_read(prices, why := "nothing limits how long its lines think", lot.terms)
        written.append(Read("output with its thought", lot.thoughts * most, by, why))
    return read, written, longest


def _rates(lot: Lot, price: Price, longest: int) -> tuple[Decimal, Decimal]:
    """Nano-dollars for a token read and one written, at the dearest that one of its calls meets."""
    # An account's default tier is for calls that wait for their answer.
    terms = settled((STANDARD,), lot.terms)
    ask = Ask(lot.model, terms=terms, sound=lot.sound, unread=("",) if lot.unread else ())
    return rates_of(ask, price, longest)


def unsold(lots: Iterable[Lot], price_of: Callable[[str], Price]) -> str:
    """The first model that is sold by a unit which its calls do not name; "" for none."""
    for lot in lots:
        told = {**lot.fees, **measured(lot.measures, price_of(lot.model))}
        ask = Ask(
            model=lot.model, fees=told, generates=bool(lot.written or lot.endless or lot.thoughts)
        )
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
