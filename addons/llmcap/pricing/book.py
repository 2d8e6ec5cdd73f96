"""
The price book: what a model of a provider costs at a moment.

A provider's file is read when the first of its models is looked up, a model's entry is checked when
that model is, and both are kept: a lookup of a known model is one dictionary access and a scan over
its few dated prices.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcap.pricing.alike import limits_of
from llmcap.pricing.dearest import ANY_MODEL, bills_tokens, dearer, routed
from llmcap.pricing.entries import Entry, parse_model, parse_rates, parse_terms
from llmcap.pricing.files import find_folder, read_document
from llmcap.pricing.names import Names, parse_names
from llmcap.pricing.override import Override, parse_override
from llmcap.pricing.taken import Taken, read_taken, taken_path
from llmcap.pricing.units import OUTPUT_UNITS, TOKEN_UNITS
from llmcap.pricing.vendor_terms import VendorTerms, completed, lent, under_account
from llmcap.words.errors import PriceError
from llmcap.words.usage import Price

PROVIDER_KEYS = frozenset((
    "provider", "name", "source", "sources", "checked", "snapshots", "rewrites", "fallback",
    "vendors", "routes", "fees", "terms", "any_model", "models",
))  # fmt: skip

# Files of the book that are no provider.
_OTHER_FILES = frozenset(("units",))
_NOTHING_SAID: Mapping[str, Mapping[str, str]] = MappingProxyType({})
_NO_LIKES: Mapping[str, str] = MappingProxyType({})
# Model ids come from requests, so what is remembered of them is bounded.
_REMEMBERED_MAX = 10_000
_ROUTERS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Table:
    """One provider's file, with every id and alias pointing at its model."""

    provider: str
    models: Mapping[str, Mapping[str, Any]]
    ids: Mapping[str, str]  # id or alias in lower case -> key of `models`
    names: Names
    fees: Mapping[str, Decimal]
    terms: VendorTerms  # what holds for every model that says nothing else
    fallback: tuple[str, ...]  # providers whose list applies where this one has none
    vendors: Mapping[str, str]  # `vendor/` of an id -> the provider whose list applies
    routes: Mapping[str, str]  # `:provider` of an id -> the provider whose list applies
    any_model: str | None  # the entry for every id that is not listed: local models


class PriceBook:
    """
    Prices by provider, model and moment, with the config's overrides on top.

    `folder` is the book's (default: the one that came with llmcap); `overrides` is the config's
    `prices`, and is checked here. `accounts` says by provider which term of each kind its account
    has by default; `likes` whose models a provider of the config sells; `taken` what the user took
    since the book was made. Raises `PriceError` for a broken book or override.
    """

    def __init__(
        self,
        folder: Path | None = None,
        overrides: Mapping[str, Mapping[str, object]] | None = None,
        *,
        accounts: Mapping[str, Mapping[str, str]] = _NOTHING_SAID,
        likes: Mapping[str, str] = _NO_LIKES,
        taken: Taken | None = None,
    ) -> None:
        self._folder = folder or find_folder()
        self._accounts = accounts
        self._likes = likes
        self._taken = taken
        self._tables: dict[str, _Table | None] = {}
        self._found: dict[tuple[str, str], tuple[Entry, ...]] = {}
        # Under two names a model has one price: what is computed of it is then found at once.
        self._same: dict[tuple[Entry, ...], tuple[Entry, ...]] = {}
        self._routers: dict[tuple[str, str, datetime, datetime], Price] = {}
        self._longest: dict[str, tuple[int | None, int | None]] = {}
        self._overrides: dict[str, dict[str, Override]] = {}
        for key, fields in (overrides or {}).items():
            override = parse_override(key, fields)
            models = self._overrides.setdefault(override.provider, {})
            models[override.model.lower()] = override

    def find(
        self, provider: str, model: str, at: datetime, *, until: datetime | None = None
    ) -> Price | None:
        """
        The price of the model at an aware time, or None where it is not known.

        With `until`, none that holds in the meantime exceeds it: where a price changes during a
        call, no vendor says which of the two is billed.

        None is for the caller's policy; it never means free. What is free has a price of zero.
        """
        until = until or at
        price = self._in_force(provider, model, at, until)
        return self._routed(price, at, until) if price is not None and price.serves else price

    def _in_force(self, provider: str, model: str, at: datetime, until: datetime) -> Price | None:
        """The model's own entry: of a router, its fee."""
        key = (provider, model)
        entries = self._found.get(key)
        if entries is None:
            entries = self._entries(provider, model)
            if len(self._found) >= _REMEMBERED_MAX:
                self._found.clear()
                self._same.clear()
            self._found[key] = entries = self._same.setdefault(entries, entries)
        return in_force(entries, at) if until <= at else dearest_in(entries, at, until)

    def _routed(self, router: Price, at: datetime, until: datetime) -> Price:
        """What a router costs from that hour to that one: no price changes within one."""
        first, last = (each.replace(minute=0, second=0, microsecond=0) for each in (at, until))
        key = (router.provider, router.model, first, last)
        if key not in self._routers:
            any_model = router.serves == (ANY_MODEL,)
            names = self.models(router.provider) if any_model else router.serves
            found = [self._in_force(router.provider, name, at, until) for name in names]
            prices = [each for each in found if each is not None and not each.serves]
            if len(self._routers) >= _ROUTERS_MAX:
                self._routers.clear()
            self._routers[key] = routed(router, [each for each in prices if bills_tokens(each)])
        return self._routers[key]

    def dearest(self, provider: str, at: datetime) -> Price | None:
        """
        A price that no model of the provider exceeds in any unit, for one that nobody knows.

        It has the highest rate of each unit over all models, those that it sells for others
        included, and is named for the one with the dearest output.
        """
        table = self._table(provider)
        lists = (provider, *table.fallback, *table.vendors.values()) if table else (provider,)
        prices = [
            price
            for each in lists
            for model in self.models(each)
            if (price := self.find(each, model, at)) is not None and "input" in price.rates
        ]
        if not prices:
            return None
        leader = max(prices, key=lambda price: price.rates.get("output", Decimal(0)))
        tables = [table for price in prices for table in _all_rates(price)]
        rates: dict[str, Decimal] = {}
        for name in {name for table in tables for name in table}:
            # Where a model has no rate for a part, the part costs what its whole costs.
            whole = "output" if name in OUTPUT_UNITS else "input"
            fallback = whole if name in TOKEN_UNITS else name
            rates[name] = max(table.get(name, table.get(fallback, Decimal(0))) for table in tables)
        factors = [variant.factor for price in prices for variant in price.variants.values()]
        factor = max(factors, default=Decimal(1))
        factor = max(factor, Decimal(1))
        return replace(
            leader,
            provider=provider,
            rates=MappingProxyType({name: rate * factor for name, rate in rates.items()}),
            tiers=(),
            variants=MappingProxyType({}),
            source=f"dearest of {provider}",
            max_output=max((price.max_output or 0 for price in prices), default=0) or None,
            context_window=max((price.context_window or 0 for price in prices), default=0) or None,
            reasons=True,
        )

    def providers(self) -> tuple[str, ...]:
        """Every provider of the book and of the overrides, sorted."""
        stems = {path.stem for path in self._folder.glob("*.yaml")} - _OTHER_FILES
        return tuple(sorted(stems | set(self._overrides)))

    def models(self, provider: str) -> tuple[str, ...]:
        """The ids that have a price of their own at this provider, in the file's order."""
        table = self._table(provider)
        listed = tuple(table.models) if table else ()
        known = {model.lower() for model in listed}
        added = (
            override.model
            for name, override in self._overrides.get(provider, {}).items()
            if name not in known
        )
        return (*listed, *added)

    def document(self, provider: str) -> dict[str, Any]:
        """A provider's file of the book, with what was taken since it was made."""
        document = read_document(self._folder, provider)
        return document if self._taken is None else self._taken.over(provider, document)

    def _entries(self, provider: str, model: str) -> tuple[Entry, ...]:
        entries = self._listed(provider, model)
        override = self._override(provider, model, entries)
        if override is None:
            priced = entries
        elif entries:
            priced = _each(entries, override.over)
        elif others := self._listed(self._likes.get(provider, ""), model):
            priced = _each(others, override.like)
        else:
            priced = (Entry(price=override.over(None)),)
        if account := self._accounts.get(provider):
            priced = _each(
                priced,
                lambda price: replace(price, variants=under_account(price.variants, account)),
            )
        return tuple(self._with_longest(provider, model, entry) for entry in priced)

    def _with_longest(self, provider: str, asked: str, entry: Entry) -> Entry:
        """The same with what may stand for its own limits, where these are not known."""
        price = entry.price
        if price.reads_most and price.max_output:
            return entry
        alike = limits_of(self._folder, (price.model, asked))
        window, output = self.longest(provider)
        # Who lists no more than what is not the most here, does not know it either.
        knows = price.reads_most or (alike.window or 0) > (price.context_window or 0)
        price = replace(
            price,
            model_window=alike.window if knows else None,
            model_output=alike.output,
            vendor_window=window,
            vendor_output=output,
        )
        return replace(entry, price=price)

    def longest(self, provider: str) -> tuple[int | None, int | None]:
        """The largest context window and maximum output of the models that a provider sells."""
        if provider not in self._longest:
            table = self._table(provider)
            lists = (provider, *table.fallback, *table.vendors.values()) if table else ()
            tables = [found for each in lists if (found := self._table(each))]
            models = [fields for found in tables for fields in found.models.values()]
            windows = [fields.get("context_window") or 0 for fields in models]
            outputs = [fields.get("max_output") or 0 for fields in models]
            self._longest[provider] = (
                max(windows, default=0) or None, max(outputs, default=0) or None
            )  # fmt: skip
        return self._longest[provider]

    def _override(self, provider: str, model: str, entries: Iterable[Entry]) -> Override | None:
        """By the id as asked, else by the id that the book found for it."""
        overrides = self._overrides.get(provider)
        if not overrides:
            return None
        names = [model, *(entry.price.model for entry in entries)]
        return next((overrides[name.lower()] for name in names if name.lower() in overrides), None)

    def _listed(self, provider: str, model: str) -> tuple[Entry, ...]:
        """The prices of a model where a provider sells it, whoever lists them."""
        table = self._table(provider)
        if table is None:
            return ()
        if entries := _parsed(table, model):
            return _each(entries, partial(_completed, table))
        for lender, other_model in self._elsewhere(table, model):
            other = self._table(lender)
            if other is not None and (entries := _parsed(other, other_model)):
                return _each(entries, partial(_as_sold_by, table, other))
        if table.any_model is not None:
            entries = _model(table, table.any_model)
            return _each(entries, partial(_completed, table))
        return ()

    def _elsewhere(self, table: _Table, model: str) -> Iterable[tuple[str, str]]:
        """Where else the price may stand: the list of the vendor whose model a gateway sells on."""
        vendor, slash, rest = model.lower().partition("/")
        if slash and vendor in table.vendors:
            yield table.vendors[vendor], rest
        bare, colon, route = model.lower().rpartition(":")
        if colon and route in table.routes:
            yield table.routes[route], bare
        for other in table.fallback:
            for candidate in dict.fromkeys(table.names.candidates(model)):
                yield other, candidate

    def _table(self, provider: str) -> _Table | None:
        if provider not in self._tables:
            known = (self._folder / f"{provider}.yaml").is_file() and provider not in _OTHER_FILES
            self._tables[provider] = self._read(provider) if known else None
        return self._tables[provider]

    def _read(self, provider: str) -> _Table:
        document = self.document(provider)
        unknown = document.keys() - PROVIDER_KEYS
        models = document.get("models")
        if unknown or not isinstance(models, dict):
            raise PriceError(
                f"{provider}.yaml must have `models`, and no {', '.join(sorted(unknown)) or 'less'}"
            )
        ids = {str(model).lower(): model for model in models}
        for model, fields in models.items():
            for alias in fields.get("aliases", ()):
                ids.setdefault(str(alias).lower(), model)
        return _Table(
            provider=provider,
            models=models,
            ids=ids,
            names=parse_names(
                provider, document.get("snapshots", ()), document.get("rewrites", ())
            ),
            fees=parse_rates(document.get("fees", {}), f"{provider}.yaml: fees"),
            terms=parse_terms(document.get("terms", {}), f"{provider}.yaml: terms"),
            fallback=tuple(document.get("fallback", ())),
            vendors=document.get("vendors", {}),
            routes=document.get("routes", {}),
            any_model=document.get("any_model"),
        )


def current_book(
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    *,
    accounts: Mapping[str, Mapping[str, str]] = _NOTHING_SAID,
    likes: Mapping[str, str] = _NO_LIKES,
) -> PriceBook:
    """The book as it is in force for this user: with what was taken since. Raises `PriceError`."""
    taken = read_taken(taken_path())
    return PriceBook(overrides=overrides, taken=taken, accounts=accounts, likes=likes)


def in_force(entries: tuple[Entry, ...], at: datetime) -> Price | None:
    """The last price that holds at that time; before the oldest, the oldest."""
    for entry in reversed(entries):
        if entry.holds(at):
            return entry.price
    return entries[0].price if entries else None


def dearest_in(entries: tuple[Entry, ...], at: datetime, until: datetime) -> Price | None:
    """The price that none of those in force in that time exceeds; mostly there is one."""
    moments = (at, *(moment for entry in entries for moment in entry.changes(at, until)))
    found = {id(price): price for each in moments if (price := in_force(entries, each))}
    return dearer(list(found.values())) if found else None


def _each(entries: Iterable[Entry], change: Callable[[Price], Price]) -> tuple[Entry, ...]:
    return tuple(replace(entry, price=change(entry.price)) for entry in entries)


def _parsed(table: _Table, model: str) -> tuple[Entry, ...]:
    """What a provider's own list says of an id; empty where it is not in it."""
    for candidate in table.names.candidates(model):
        if name := table.ids.get(candidate):
            return _model(table, name)
    return ()


def _model(table: _Table, name: str) -> tuple[Entry, ...]:
    return parse_model(table.provider, name, table.models[name], table.fees)


def _completed(table: _Table, price: Price) -> Price:
    return replace(price, variants=completed(price.variants, table.terms, price.model))


def _as_sold_by(table: _Table, lender: _Table, price: Price) -> Price:
    """A vendor's price where another sells its model: with that one's fees, terms and accounts."""
    return replace(
        price,
        provider=table.provider,
        rates=MappingProxyType({**price.rates, **table.fees}),
        variants=lent(price.variants, lender.terms, table.terms, price.model),
        source=f"{price.provider}: {price.source}",
    )


def _all_rates(price: Price) -> list[Mapping[str, Decimal]]:
    """Every table of rates that a call at this price could meet, each of them complete."""
    rates = price.rates
    tables = [rates, *({**rates, **tier.rates} for tier in price.tiers)]
    for variant in price.variants.values():
        tables.append({**rates, **variant.rates})
        tables += [{**rates, **variant.rates, **tier.rates} for tier in variant.tiers]
    return tables
