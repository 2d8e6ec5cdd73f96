"""
Both sides laid together, and why they differ.

Tokens are held against each other first, kind by kind: they need no price. Where they are the same,
money is. Each difference has one cause, or is told as ambiguous:

- *not seen*: the provider billed more than passed here, so something goes past the proxy;
- *assumed*: calls whose end nobody told explain it: the provider knows better, and may correct us;
- *priced*: the tokens are the same, the dollars are not;
- *not billed*: more passed here than the provider says, or a day is missing in its export;
- *outside*: a day of which the ledger has nothing, or that is not over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from llmcap.pricing import PriceBook, cost_usd
from llmcap.reconcile.line import KINDS, NANOS, READ, WRITE, Line, Sums
from llmcap.reconcile.ours import Counted, Key, Ours, day_after
from llmcap.words.counts import several
from llmcap.words.errors import PriceError
from llmcap.words.usage import Price, Usage

# A bill is rounded for each of its lines, and we round each call up by less than a nano-dollar.
NANOS_PER_LINE = 1_000
PART = Decimal("0.0002")
BUCKETS_MAX = 5


class Cause(StrEnum):
    """Why a day of a model differs."""

    NOT_SEEN = "not seen"
    ASSUMED = "assumed"
    PRICED = "priced"
    NOT_BILLED = "not billed"
    OUTSIDE = "outside"
    AMBIGUOUS = "ambiguous"


@dataclass(slots=True)
class Theirs:
    """The provider's side: by key, by bucket below that, and the days of the export."""

    by_key: dict[Key, Sums] = field(default_factory=dict)
    buckets: dict[Key, dict[str, Sums]] = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)
    days: set[str] = field(default_factory=set)

    def add(self, line: Line, name: Callable[[str], str], count: int = 1) -> None:
        """A line, or the sum of so many, under the model's name here."""
        key = (line.day, name(line.model))
        self.days.add(line.day)
        self.by_key.setdefault(key, Sums()).add(line.sums)
        self.lines[key] = self.lines.get(key, 0) + count
        if line.bucket:
            self.buckets.setdefault(key, {}).setdefault(line.bucket, Sums()).add(line.sums)


@dataclass(frozen=True, slots=True)
class Difference:
    """One day of one model: both sides, the cause, and what it says about who."""

    day: str
    model: str
    cause: Cause
    theirs: Sums
    ours: Sums
    told: str

    @property
    def tokens(self) -> list[int]:
        """What they have more, by kind."""
        return [
            one - other for one, other in zip(self.theirs.tokens, self.ours.tokens, strict=True)
        ]

    @property
    def nanos(self) -> int:
        """What they billed more, where they told."""
        return self.theirs.nanos - self.ours.nanos if self.theirs.priced else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """All differences, and how much of the bill passed here."""

    differences: tuple[Difference, ...]
    theirs: Sums
    ours: Sums
    captured: int  # tokens of theirs that are ours too
    captured_nanos: int  # and dollars of theirs
    days: int

    @property
    def matches(self) -> bool:
        """Whether nothing differs that both sides should have."""
        return all(each.cause is Cause.OUTSIDE for each in self.differences)


def compare(theirs: Theirs, counted: Ours, book: PriceBook, provider: str, today: str) -> Verdict:
    """Lay a provider's side beside ours, day by day and model by model."""
    fold = not any(sums.tokens[KINDS.index(READ)] or sums.tokens[KINDS.index(WRITE)]
                   for sums in theirs.by_key.values())  # fmt: skip
    found: list[Difference] = []
    both, mine, captured, captured_nanos = Sums(), Sums(), 0, 0
    for key in sorted({*theirs.by_key, *counted.by_key}):
        day, model = key
        billed = theirs.by_key.get(key, Sums())
        own = counted.by_key.get(key, Counted())
        whole = _folded(_sum(own.settled, own.assumed), fold=fold)
        if day not in theirs.days and day < min(theirs.days, default=day):
            continue
        outside = day < (counted.first_day or "9") or day > counted.last_day or day >= today
        if outside:
            if key in theirs.by_key:
                why = (
                    "the day is not over" if day >= today else "the ledger has nothing of that day"
                )
                found.append(Difference(day, model, Cause.OUTSIDE, billed, whole, why))
            continue
        both.add(billed)
        mine.add(whole)
        captured += sum(map(min, billed.tokens, whole.tokens))
        captured_nanos += min(billed.nanos, whole.nanos)
        buckets = theirs.buckets.get(key, {})
        pair = _Pair(key, billed, own, whole, theirs.lines.get(key, 1), buckets, fold)
        difference = _judge(pair, theirs, book, provider)
        if difference is not None:
            found.append(difference)
    return Verdict(tuple(found), both, mine, captured, captured_nanos, len(theirs.days))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both sides of one day of one model, and what is known of each."""

    key: Key
    billed: Sums
    own: Counted
    whole: Sums  # of ours
    lines: int
    buckets: Mapping[str, Sums]
    fold: bool

    def because(self, cause: Cause, told: str) -> Difference:
        """They differ, and that is why."""
        return Difference(*self.key, cause, self.billed, self.whole, told)


def _judge(pair: _Pair, theirs: Theirs, book: PriceBook, provider: str) -> Difference | None:
    billed, whole = pair.billed, pair.whole
    if pair.key[0] not in theirs.days:
        return pair.because(Cause.NOT_BILLED, "the export has nothing of that day")
    more = _less(billed.tokens, whole.tokens) if billed.counted else [0] * len(KINDS)
    if any(more):
        return _judge_tokens(pair, more, book, provider)
    if not billed.priced or _near(billed.nanos, whole.nanos, pair.lines):
        return None
    return pair.because(Cause.PRICED, _rate(billed, whole)) if billed.counted else _money_only(pair)


def _judge_tokens(pair: _Pair, more: list[int], book: PriceBook, provider: str) -> Difference:
    billed, whole, own = pair.billed, pair.whole, pair.own
    if own.assumed_calls and any(own.assumed.tokens):
        unexplained = _less(billed.tokens, _folded(own.settled, fold=pair.fold).tokens)
        assumed = _folded(own.assumed, fold=pair.fold).tokens
        within = all(0 <= count <= most for count, most in zip(unexplained, assumed, strict=True))
        told = several(
            len(own.assumed_calls),
            "call whose end nobody told was billed less",
            "calls whose end nobody told were billed less",
        )
        if within:
            return pair.because(Cause.ASSUMED, told)
        told = "calls were assumed here, and that does not explain all of it"
        return pair.because(Cause.AMBIGUOUS, told)
    if all(count <= 0 for count in more):
        return pair.because(Cause.NOT_BILLED, "more passed here than the provider says")
    if any(count < 0 for count in more):
        told = "of some kinds of token more was billed, of others less"
        return pair.because(Cause.AMBIGUOUS, told)
    nanos = billed.nanos - whole.nanos
    if billed.priced and not _explains(more, nanos, whole, book, provider, pair.key):
        told = "calls are missing here, and the dollars differ by more than they cost"
        return pair.because(Cause.AMBIGUOUS, told)
    return pair.because(Cause.NOT_SEEN, _who(more, pair.buckets))


def _money_only(pair: _Pair) -> Difference:
    """The export has no tokens: the dollars alone say little."""
    billed, whole, own = pair.billed, pair.whole, pair.own
    if own.assumed_calls and own.settled.nanos <= billed.nanos <= whole.nanos:
        told = several(len(own.assumed_calls), "call was", "calls were") + " assumed here"
        return pair.because(Cause.ASSUMED, told)
    if not whole.requests:
        return pair.because(Cause.NOT_SEEN, "nothing of it passed here")
    if not billed.nanos:
        return pair.because(Cause.NOT_BILLED, "nothing of it was billed")
    return pair.because(Cause.AMBIGUOUS, "only dollars are told: other calls, or another price")


def _who(more: list[int], buckets: Mapping[str, Sums]) -> str:
    """The key or project that has just these tokens, or all that there are."""
    exact = [name for name, sums in buckets.items() if sums.tokens == more]
    if len(exact) == 1:
        return f"it is all of {exact[0]}"
    names = sorted(buckets)
    if not names:
        return "something goes past the proxy; group the export by key or project to see what"
    shown = ", ".join(names[:BUCKETS_MAX])
    return f"something of {shown}{' and others' if len(names) > BUCKETS_MAX else ''}"


def _explains(
    more: list[int], nanos: int, whole: Sums, book: PriceBook, provider: str, key: Key
) -> bool:
    """Whether the tokens that are missing here cost what the dollars differ by."""
    at = day_after(key[0])
    price = book.find(provider, key[1], at) if provider else None
    if price is None:
        return True
    try:
        plain = [_cost(tokens, price) for tokens in (whole.tokens, more)]
    except PriceError:
        return True
    if whole.requests and not _near(plain[0], whole.nanos, whole.requests):
        return True  # tiers or terms: the base price says nothing of these calls
    return _near(plain[1], nanos, 2)


def _cost(tokens: list[int], price: Price) -> int:
    read, written = tokens[1], tokens[2]
    usage = Usage(
        input_tokens=sum(tokens[:3]), output_tokens=tokens[3], cache_read=read,
        cache_write_5m=written,
    )  # fmt: skip
    return int(cost_usd(usage, price) * NANOS)


def _rate(billed: Sums, whole: Sums) -> str:
    if not whole.nanos:
        return "it cost nothing here"
    factor = Decimal(billed.nanos) / Decimal(whole.nanos)
    return f"the same tokens were billed at our price times {factor:.4f}"


def _near(one: int, other: int, lines: int) -> bool:
    most = max(abs(one), abs(other))
    return abs(one - other) <= max(int(most * PART), NANOS_PER_LINE * max(lines, 1))


def _less(one: list[int], other: list[int]) -> list[int]:
    return [a - b for a, b in zip(one, other, strict=True)]


def _sum(*parts: Sums) -> Sums:
    made = Sums()
    for part in parts:
        made.add(part)
    return made


def _folded(sums: Sums, *, fold: bool) -> Sums:
    """Cached tokens as plain input, where the provider does not tell them apart."""
    if not fold:
        return sums
    read, cached, written, made = sums.tokens
    return Sums([read + cached + written, 0, 0, made], sums.nanos, requests=sums.requests)
