"""
What the vendors' documentation says that a field of a request may cost, and the bill that it makes.

Nothing here knows how LLMCap reads a request: a field has values, each with what it does to the
dearest bill that its vendor could write. Only the rates are the price book's, read from its raw
tables. A text is billed at a token for each of its bytes: no tokenizer makes more.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PRICING = Path(__file__).resolve().parents[1] / "pricing"
TODAY = "2026-06-01"

# Not documented: how often a hosted tool is used that nothing limits, and how much it finds. Ten is
# what most answers stay below by far.
USES = 10
FOUND_TOKENS = 2_000

# What a term multiplies: tokens, and no fee for a search.
TOKENS = ("input", "output", "cache_", "reasoning")

# Roles, names and separators of a conversation, as tokens.
FRAME_TOKENS = 12


# --- rates ----------------------------------------------------------------------------------


@cache
def book(provider: str) -> dict[str, Any]:
    """A vendor's raw table."""
    return yaml.safe_load((PRICING / f"{provider}.yaml").read_text("utf-8"))


@cache
def units() -> dict[str, Decimal]:
    """How many of each unit make one price."""
    told = yaml.safe_load((PRICING / "units.yaml").read_text("utf-8"))
    return {name: Decimal(each["per"]) for name, each in told.items()}


@dataclass(frozen=True)
class Model:
    """One model of the raw tables."""

    provider: str
    name: str

    @property
    def row(self) -> dict[str, Any]:
        """All that stands there of it."""
        return book(self.provider)["models"][self.name]

    @property
    def window(self) -> int:
        """The most that it reads at once; 0 where nobody says."""
        return self.row.get("context_window") or 0

    @property
    def longest(self) -> int:
        """The most that it writes."""
        return self.row.get("max_output") or self.window

    def rates(self, read: int, terms: set[str]) -> dict[str, Decimal]:
        """What it costs today, where so much is read at once, under these terms."""
        prices = [p for p in self.row["prices"] if not p["since"] or str(p["since"]) <= TODAY]
        price = prices[-1]
        found = self._tier(price, read)
        for term in sorted(terms):
            variant = price.get("variants", {}).get(term)
            if variant is not None and "rates" in variant:
                found = {**found, **self._tier(variant, read)}
            elif factor := self._factor(term):
                found = {
                    name: rate * factor if name.startswith(TOKENS) else rate
                    for name, rate in found.items()
                }
        fees = book(self.provider).get("fees") or {}
        return {**{name: Decimal(str(fee)) for name, fee in fees.items()}, **found}

    def _tier(self, price: dict[str, Any], read: int) -> dict[str, Decimal]:
        tables = [price["rates"]]
        tables += [tier["rates"] for tier in price.get("tiers") or () if read > tier["above"]]
        return {name: Decimal(str(rate)) for table in tables for name, rate in table.items()}

    def _factor(self, term: str) -> Decimal | None:
        told = (book(self.provider).get("terms") or {}).get(term)
        if told is None or re.search(told.get("same", "^$"), self.name):
            return None
        return Decimal(str(told["factor"]))


# --- the bill -------------------------------------------------------------------------------


@dataclass
class Bill:
    """The dearest that a vendor could write, as far as the fields so far go."""

    model: Model
    texts: int = FRAME_TOKENS  # tokens read besides media
    media: int = 0
    fills: bool = False  # something that only the vendor has fills the window
    limits: list[int | None] = field(default_factory=list)  # None: no limit at all
    default: int | None = None  # where no limit is named
    answers: int = 1
    rounds: int = 1  # how often all of it is done
    passes: int = 1  # how often all is read
    beside: int = 0  # tokens written beyond the limit
    cached: str = "input"  # the rate of what is read
    terms: set[str] = field(default_factory=set)
    usual: set[str] = field(default_factory=set)  # terms of an account, where none is asked for
    fees: dict[str, Decimal] = field(default_factory=dict)
    helpers: list[tuple[Model, int]] = field(default_factory=list)  # and what each writes
    generates: bool = True

    @property
    def read(self) -> int:
        """Tokens of one pass."""
        told = self.texts + self.media
        return max(self.model.window, told) if self.fills else told

    @property
    def written(self) -> int:
        """Tokens of one answer."""
        if not self.generates:
            return 0
        if None in self.limits:
            return self.model.longest
        told = [each for each in self.limits if each is not None]
        return max(told, default=self.default or self.model.longest)

    def usd(self) -> Decimal:
        """All of it."""
        rates = self.model.rates(self.read, self.terms or self.usual)
        read = rates.get(self.cached, rates.get("input", Decimal(0)))
        tokens = self.passes * self.read * read
        tokens += (self.answers * self.written + self.beside) * rates.get("output", Decimal(0))
        usd = tokens * self.rounds / units()["input"]
        for unit, number in self.fees.items():
            usd += number * self.rounds * rates[unit] / units()[unit]
        for model, writes in self.helpers:
            theirs = model.rates(self.read, self.terms or self.usual)
            usd += (self.read * theirs["input"] + writes * theirs["output"]) / units()["input"]
        return usd


Effect = Callable[[Bill], None]


def nothing(bill: Bill) -> None:
    """It is free, or lowers the bill."""


def says(text: str) -> Effect:
    """A text is read."""
    size = len(text.encode())

    def effect(bill: Bill) -> None:
        bill.texts += size + FRAME_TOKENS

    return effect


def sees(tokens: int) -> Effect:
    """A medium is read, of so many tokens."""

    def effect(bill: Bill) -> None:
        bill.media += tokens

    return effect


def fills(bill: Bill) -> None:
    """What it names is as long as the window."""
    bill.fills = True


def limit(value: int | None) -> Effect:
    """Each answer has so many tokens at most; None: as many as the model likes."""

    def effect(bill: Bill) -> None:
        bill.limits.append(value)

    return effect


def answers(number: int) -> Effect:
    """So many answers are made."""

    def effect(bill: Bill) -> None:
        bill.answers = max(bill.answers, number)

    return effect


def rounds(number: int) -> Effect:
    """All of it is done so often."""

    def effect(bill: Bill) -> None:
        bill.rounds *= number

    return effect


def fee(unit: str, number: int | Decimal = 1) -> Effect:
    """So many units, at a price each."""

    def effect(bill: Bill) -> None:
        bill.fees[unit] = bill.fees.get(unit, Decimal(0)) + number

    return effect


def at_least(unit: str, number: int) -> Effect:
    """So many units, however often that is said."""

    def effect(bill: Bill) -> None:
        bill.fees[unit] = max(bill.fees.get(unit, Decimal(0)), Decimal(number))

    return effect


def uses(unit: str, number: int = USES) -> Effect:
    """A hosted tool is used so often: a fee each, and all is read again with what it found."""

    def effect(bill: Bill) -> None:
        if unit:
            fee(unit, number)(bill)
        bill.passes = max(bill.passes, number + 1)
        bill.media += FOUND_TOKENS

    return effect


def term(*names: str) -> Effect:
    """It is served under these terms."""

    def effect(bill: Bill) -> None:
        bill.terms |= set(names)

    return effect


def served(model: Model) -> Effect:
    """Another model may serve it, and is billed at its own price."""

    def effect(bill: Bill) -> None:
        bill.model = model

    return effect


def beside(tokens: int) -> Effect:
    """So many tokens are written beyond any limit."""

    def effect(bill: Bill) -> None:
        bill.beside += tokens

    return effect


def helped(model: Model, *, writes: int) -> Effect:
    """Another model reads all of it too, and writes."""

    def effect(bill: Bill) -> None:
        bill.helpers.append((model, writes))

    return effect


def at(rate: str) -> Effect:
    """What is read is written to a cache, at this rate."""

    def effect(bill: Bill) -> None:
        bill.cached = rate

    return effect


def both(*effects: Effect) -> Effect:
    """One after the other."""

    def effect(bill: Bill) -> None:
        for each in effects:
            each(bill)

    return effect


# --- what an endpoint has -------------------------------------------------------------------

Choices = list[tuple[Any, Effect]]


@dataclass(frozen=True)
class Documented:
    """One endpoint: its fields by their path, each with values and what they cost."""

    host: str
    path: str
    models: tuple[Model, ...]
    fields: dict[str, Choices]
    always: dict[str, Any] = field(default_factory=dict)  # fields that a request must have
    content_type: str = "application/json"
    usual: frozenset[str] = frozenset()
    begins: Effect = nothing  # what any request costs
    named: str = ""  # what stands in the request for a model, where it is none of the book's
    headers: dict[str, str] = field(default_factory=dict)
    query: bool = False  # the fields are the query's
    refused: bool = False  # nobody says how dear it could be, so it is not sent at all


TEXTS = (
    "hello there", "漢字仮名交じり文" * 40, "\U0001f9ff\ufdfd" * 60, "x" * 4_000, '\\"\n' * 300,
)  # fmt: skip
# What nobody has documented yet could mean anything that a name or a count can.
UNKNOWN: dict[str, Choices] = {
    "x_rounds": [(3, rounds(3)), (12, rounds(12))],
    "x_context": [("ctx_123", fills), (["ctx_1", "ctx_2"], fills), ({"id": "c"}, fills)],
}
LIMITS = (1, 30, 700, 4_000)


def limits(*odd: Any) -> Choices:
    """Values of a field that limits the answer; null is none, and odd ones limit nothing."""
    sound = [(value, limit(value)) for value in LIMITS]
    return [*sound, (None, nothing), *((value, limit(None)) for value in odd)]
