"""
What the public price book asks for what was billed, call by call: the list price of finance.

An entry has its whole usage and what that came to, so the list price goes by these: fees, context
tiers and all, whatever prices the config has by now. A cost that is what the book asks at that time
was billed at list price; else it is looked for among the prices that the config agrees, and among
the terms of service that either lists, as the book asks another price under the same terms. A cost
that nothing explains was agreed at another time, or has more in it than its usage tells: its list
price is what the book asks at its usual terms, and never less than the bill. What cannot be told
apart any more: a half that was agreed once, and a batch, which costs half.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations

from llmcap.ledger.changes import Rollup
from llmcap.ledger.history import PastCall
from llmcap.pricing import PriceBook
from llmcap.pricing.cost import cost_usd
from llmcap.pricing.terms import kind_of
from llmcap.words.errors import PriceError
from llmcap.words.money import ceil_nanos
from llmcap.words.usage import COUNTS, Count, Price, Usage

# Where a list cost is from: the price that was billed is the public one, another one is, none is.
BILLED, BOOK, NONE = "billed at list price", "public price book", "no public price"

Terms = tuple[str, ...]
# Stands for a usage that nobody told, where two prices are compared.
ANY_USAGE = Usage(input_tokens=1_000, output_tokens=1_000)


@dataclass(frozen=True, slots=True)
class Prices:
    """Those that calls are billed by now, and those that anybody can read."""

    agreed: PriceBook
    public: PriceBook

    def of_call(self, call: PastCall) -> tuple[int, str]:
        """The list price of one call, in nano-dollars, and where that is from."""
        served = (call.provider, call.served_model or call.model, call.at)
        public, usage = self.public.find(*served), usage_of(call.usage)
        usual = _nanos(usage, public)
        if public is None or usual is None:
            return call.cost_nanos, NONE
        agreed = self.agreed.find(*served) or public
        if call.state == "assumed":
            told = ANY_USAGE if usage.is_nothing else usage
            return _scaled(call.cost_nanos, told, agreed, public)
        for terms in ((), *_terms(public), *_terms(agreed)):
            if (listed := _nanos(usage, public, terms)) == call.cost_nanos:
                return listed, BILLED
            if listed is not None and _nanos(usage, agreed, terms) == call.cost_nanos:
                return listed, BOOK
        return (usual, BOOK) if usual > call.cost_nanos else (call.cost_nanos, BILLED)

    def of_rest(self, provider: str, model: str, at: datetime, sums: Rollup) -> tuple[int, str]:
        """The same of calls that are no more there: of their tokens, by the prices of now."""
        usage = Usage(sums.input_tokens, sums.output_tokens, cache_read=sums.cached_tokens)
        agreed = self.agreed.find(provider, model, at)
        public = self.public.find(provider, model, at)
        return _scaled(sums.cost_nanos, usage, agreed, public)


@dataclass(slots=True)
class Listed:
    """What the list asks for calls together, where that is from, and which calls those were."""

    nanos: int = 0
    bases: set[str] = field(default_factory=set)
    calls: Rollup = field(default_factory=Rollup)

    def add(self, listed: tuple[int, str]) -> None:
        """A list price, and where it is from."""
        self.nanos += listed[0]
        self.bases.add(listed[1])

    @property
    def basis(self) -> str:
        """One for all: the book's, as soon as it differs for one of them."""
        return next((each for each in (BOOK, NONE) if each in self.bases), BILLED)


def usage_of(counts: Mapping[str, Count]) -> Usage:
    """The usage that an entry tells."""
    tokens = {name: int(counts[name]) for name in COUNTS if name in counts}
    extras = {name: count for name, count in counts.items() if name not in COUNTS}
    return Usage(**tokens, extras=extras)


def _scaled(
    cost_nanos: int, usage: Usage, agreed: Price | None, public: Price | None
) -> tuple[int, str]:
    """A cost that no usage explains: as the two prices of a usage are to each other."""
    ours, theirs = _nanos(usage, agreed), _nanos(usage, public)
    if theirs is None:
        return cost_nanos, NONE
    if ours == theirs or ours is None:
        return cost_nanos, BILLED
    return (cost_nanos * theirs // ours if ours else theirs), BOOK


def _nanos(usage: Usage, price: Price | None, terms: Terms = ()) -> int | None:
    """What a usage costs at a price; None where that has no rate for it."""
    try:
        return None if price is None else ceil_nanos(cost_usd(usage, price, terms))
    except PriceError:
        return None


def _terms(price: Price) -> Iterator[Terms]:
    """Each that the price has a variant for, and two of different kinds."""
    for count in (1, 2):
        for terms in combinations(price.variants, count):
            if len(set(map(kind_of, terms))) == count:
                yield terms
