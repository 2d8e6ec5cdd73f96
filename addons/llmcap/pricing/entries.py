"""
One model of the price book: from the document's mappings to checked records.

Every rule about what a price may look like is here, and holds for the book and for the config:
unknown keys are refused, amounts are exact and not negative, tiers ascend.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from llmcap.pricing.carried import carried
from llmcap.pricing.units import units
from llmcap.pricing.vendor_terms import KEYS as TERM_KEYS
from llmcap.pricing.vendor_terms import VendorTerm, VendorTerms, parse_patterns
from llmcap.words.errors import PriceError
from llmcap.words.meant import meant
from llmcap.words.usage import Price, Tier, Variant

MODEL_KEYS = frozenset((
    "aliases", "context_window", "max_output", "reasons", "limits", "note", "serves", "prices"
))  # fmt: skip
PRICE_KEYS = frozenset((
    "since", "hours", "days", "source", "rates", "tiers", "variants", "carried", "ended"
))  # fmt: skip
TIER_KEYS = frozenset(("above", "rates", "marginal"))
VARIANT_KEYS = frozenset(("rates", "factor", "tiers", "unasked"))

_NO_RATES: Mapping[str, Decimal] = MappingProxyType({})
_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")
_WEEKDAYS = "mon-fri"
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A price and when it holds: from `since` on, and where `hours` are set, daily between them (UTC).

    Of the entries that hold at a moment, the last one of a model counts.
    """

    price: Price
    since: datetime | None = None
    hours: tuple[time, time] | None = None
    weekdays_only: bool = False

    def holds(self, at: datetime) -> bool:
        """Whether this price is in force at an aware time."""
        moment = at.astimezone(UTC)
        if self.since is not None and moment < self.since:
            return False
        if self.weekdays_only and moment.weekday() > 4:
            return False
        if self.hours is None:
            return True
        start, end = self.hours
        clock = moment.time()
        return start <= clock < end if start <= end else clock >= start or clock < end

    def changes(self, at: datetime, until: datetime) -> Iterator[datetime]:
        """When in that time it may begin or cease to hold; its hours by those of a week at most."""
        if self.since is not None and at < self.since <= until:
            yield self.since
        if self.hours is None:
            return
        first, last = at.astimezone(UTC), min(until, at + _WEEK).astimezone(UTC)
        for days in range((last.date() - first.date()).days + 1):
            day = first.date() + timedelta(days=days)
            for clock in (time.min, *self.hours):
                moment = datetime.combine(day, clock, UTC)
                if first < moment <= last:
                    yield moment


def parse_model(
    provider: str,
    model: str,
    fields: Mapping[str, Any],
    fees: Mapping[str, Decimal],
) -> tuple[Entry, ...]:
    """
    The price history of one model of the book, oldest first.

    `fees` hold for all models of its provider that say nothing else. What a price does not name of
    an earlier one holds on.
    """
    where = f"{provider}.yaml: {model}"
    _refuse_unknown(fields, MODEL_KEYS, where)
    prices = fields.get("prices")
    if not isinstance(prices, list) or not prices:
        raise PriceError(f"{where}.prices must be a list of dated prices, and not empty")
    limits = {
        name: parse_limit(fields.get(name), f"{where}.{name}")
        for name in ("max_output", "context_window")
    }
    entries: list[Entry] = []
    before: Price | None = None
    for index, each in enumerate(prices):
        at = f"{where}.prices[{index}]"
        _refuse_unknown(each, PRICE_KEYS, at)
        if "since" not in each or not each.get("source"):
            raise PriceError(
                f"{at} must say since when (null: as far back as known) and its source"
            )
        since = parse_since(each["since"], f"{at}.since")
        price = Price(
            provider=provider,
            model=model,
            rates=MappingProxyType({**fees, **parse_rates(each.get("rates", {}), at)}),
            tiers=parse_tiers(each.get("tiers", []), f"{at}.tiers"),
            variants=_marked(
                parse_variants(each.get("variants", {}), f"{at}.variants"),
                _names(each.get("carried", []), f"{at}.carried"),
            ),
            since=each["since"],
            source=str(each["source"]),
            max_output=limits["max_output"],
            context_window=limits["context_window"],
            reasons=bool(fields.get("reasons", True)),
            serves=_names(fields.get("serves", []), f"{where}.serves"),
        )
        hours = parse_hours(each.get("hours"), f"{at}.hours")
        days = each.get("days")
        if days not in (None, _WEEKDAYS):
            raise PriceError(f"{at}.days: {days!r} must be {_WEEKDAYS!r} or absent")
        if before is not None:
            silent = {key: key not in each for key in ("tiers", "variants")}
            ended = _names(each.get("ended", []), f"{at}.ended")
            price = carried(before, price, ended=frozenset(ended), **silent)
        before = price if hours is None else before
        entries.append(Entry(price=price, since=since, hours=hours, weekdays_only=days is not None))
    return tuple(entries)


def _names(value: object, where: str) -> tuple[str, ...]:
    """Ids of models, units or terms."""
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise PriceError(f"{where}: {value!r} must be a list of names")
    return tuple(value)


def _marked(variants: Mapping[str, Variant], names: Collection[str]) -> Mapping[str, Variant]:
    """The variants, with those marked of which something was carried over from an earlier price."""
    terms = {name.partition(".")[0] for name in names} & variants.keys()
    if not terms:
        return variants
    return MappingProxyType(
        {term: replace(each, carried=term in terms) for term, each in variants.items()}
    )


def parse_rates(fields: object, where: str) -> Mapping[str, Decimal]:
    """Rates by unit, in USD per price unit of each."""
    if not isinstance(fields, Mapping):
        raise PriceError(f"{where}: rates must be a mapping from unit to USD, not {fields!r}")
    known = units()
    rates: dict[str, Decimal] = {}
    for name, value in fields.items():
        if name not in known:
            raise PriceError(
                f"{where}: {name!r} is not a unit\n"
                f"hint: {meant(name, known)}the units are {', '.join(known)}"
            )
        rates[name] = parse_amount(value, f"{where}.{name}")
    return MappingProxyType(rates)


def parse_amount(value: object, where: str) -> Decimal:
    """
    An exact amount of dollars, from text, int or Decimal; a float stands for its shortest text.

    `repr` of a float is the shortest text that reads back as it: `2.50` in a YAML file becomes the
    float 2.5 and then Decimal("2.5"), with nothing of the binary fraction in between.
    """
    text = repr(value) if isinstance(value, float) else str(value)
    try:
        amount = Decimal(text) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise PriceError(
            f"{where}: {text!r} must be an amount in USD of zero or more, such as 2.50"
        )
    return amount


def parse_limit(value: object, where: str) -> int | None:
    """A number of tokens, or None where there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PriceError(f"{where}: {value!r} must be a whole number of tokens, such as 16384")
    return value


def parse_tiers(fields: object, where: str) -> tuple[Tier, ...]:
    """Context tiers, each above the one before it."""
    if not isinstance(fields, list):
        raise PriceError(
            f"{where}: {fields!r} must be a list such as [{{above: 200000, rates: ...}}]"
        )
    tiers: list[Tier] = []
    for index, each in enumerate(fields):
        at = f"{where}[{index}]"
        _refuse_unknown(each, TIER_KEYS, at)
        above = parse_limit(each.get("above"), f"{at}.above")
        if above is None or (tiers and above <= tiers[-1].above):
            raise PriceError(f"{at}.above: {above!r} must be more tokens than the tier before")
        tiers.append(
            Tier(
                above=above,
                rates=parse_rates(each.get("rates"), f"{at}.rates"),
                marginal=each.get("marginal", False) is True,
            )
        )
    return tuple(tiers)


def parse_variants(fields: object, where: str) -> Mapping[str, Variant]:
    """What each term of service changes."""
    if not isinstance(fields, Mapping):
        raise PriceError(
            f"{where}: {fields!r} must be a mapping such as {{batch: {{factor: 0.5}}}}"
        )
    variants: dict[str, Variant] = {}
    for term, each in fields.items():
        at = f"{where}.{term}"
        _refuse_unknown(each, VARIANT_KEYS, at)
        variants[str(term)] = Variant(
            rates=parse_rates(each.get("rates", {}), f"{at}.rates"),
            factor=parse_amount(each.get("factor", 1), f"{at}.factor"),
            tiers=parse_tiers(each.get("tiers", []), f"{at}.tiers"),
            unasked=each.get("unasked", False) is True,
        )
    return MappingProxyType(variants)


def parse_terms(fields: object, where: str) -> VendorTerms:
    """What a vendor asks for its terms of service. Raises `PriceError`."""
    if not isinstance(fields, Mapping):
        raise PriceError(
            f"{where}: {fields!r} must be a mapping such as {{batch: {{factor: 0.5}}}}"
        )
    terms: dict[str, VendorTerm] = {}
    for term, each in fields.items():
        at = f"{where}.{term}"
        _refuse_unknown(each, VARIANT_KEYS | TERM_KEYS, at)
        plain = {key: value for key, value in each.items() if key not in TERM_KEYS}
        variant = parse_variants({term: plain}, where)[str(term)]
        terms[str(term)] = VendorTerm(variant, **parse_patterns(each, at))
    return MappingProxyType(terms)


def parse_since(value: object, where: str) -> datetime | None:
    """Midnight UTC of an ISO date, or an ISO time with its offset."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise PriceError(f"{where}: {value!r} must be a date such as 2026-03-13") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_hours(value: object, where: str) -> tuple[time, time] | None:
    """A daily interval in UTC; it may pass midnight."""
    if value is None:
        return None
    match = _HOURS.fullmatch(str(value))
    try:
        if match is not None:
            return time.fromisoformat(match[1]), time.fromisoformat(match[2])
    except ValueError:
        pass
    raise PriceError(f'{where}: {value!r} must be hours in UTC such as "16:30-00:30"')


def _refuse_unknown(fields: object, known: frozenset[str], where: str) -> None:
    if not isinstance(fields, Mapping):
        raise PriceError(f"{where}: {fields!r} must be a mapping of {', '.join(sorted(known))}")
    unknown = [str(name) for name in fields if name not in known]
    if unknown:
        raise PriceError(
            f"{where}: {', '.join(unknown)} is not known here\n"
            f"hint: the keys are {', '.join(sorted(known))}"
        )
