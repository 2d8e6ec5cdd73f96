"""
A model's prices from now on, side by side: what the book says, what its sources say, and between.

Only what holds now or later is compared. A document's rows are laid out as amounts by name (the
part of the day, the context tier, the term of service, the unit), and each moment at which either
side changes is looked at. The past is nobody's to change: what is new begins now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from llmcap.pricing.entries import parse_terms
from llmcap.pricing.units import OUTPUT_UNITS, TOKEN_UNITS
from llmcap.tariffs.carry import completed
from llmcap.words.usage import Variant

Document = dict[str, Any]
Rows = list[Document]
# Where an amount is: hours, term, context tier, unit.
Amounts = Mapping[tuple[str, str, int, str], Decimal]

ONE, ZERO = Decimal(1), Decimal(0)


@dataclass(frozen=True, slots=True)
class Step:
    """One amount that differs from a moment on; None: it has none on that side."""

    since: str
    name: str
    before: Decimal
    after: Decimal

    @property
    def ratio(self) -> Decimal:
        """How many times the larger is the smaller; infinite where one is nothing."""
        low, high = sorted((self.before, self.after))
        return high / low if low else Decimal("Infinity")


def joined(old: Rows, new: Rows, now: str) -> Rows:
    """
    The old prices up to now, then what the new ones say: from now on, and for the days to come.

    `now` is an ISO time in UTC. What is in force in both alike makes no row. What the new ones do
    not name is carried over.
    """
    past = [row for row in old if begun(row, now)]
    current = at(new, now)
    made = list(past)
    if current and _differ(at(past, now), current):
        made += [{**row, "since": now} for row in _carried(at(past, now), current)]
    for row in new:
        if not begun(row, now):
            made.append(_completed(made, row))
    return made


def _carried(before: Rows, current: Rows) -> Rows:
    """The rows in force with what those in force before had besides, day and hours each."""
    whole = next((row for row in before if "hours" not in row), None)
    return [
        completed(whole, row) if whole is not None and "hours" not in row else row
        for row in current
    ]


def _completed(rows: Rows, row: Document) -> Document:
    whole = [each for each in rows if "hours" not in each]
    return completed(whole[-1], row) if whole and "hours" not in row else row


def _differ(one: Rows, other: Rows) -> bool:
    """Whether two prices in force differ once the later has what it does not name."""
    return amounts(one) != amounts(_carried(one, other))


def begun(row: Document, moment: str) -> bool:
    """Whether a price is in force by then, or was."""
    return (row["since"] or "") <= moment


def at(rows: Rows, moment: str) -> Rows:
    """The rows in force: of the last day on which any began, one for each part of the day."""
    held = [row for row in rows if begun(row, moment)]
    whole = [row["since"] or "" for row in held if "hours" not in row]
    last = max(whole, default="")
    return [row for row in held if (row["since"] or "") >= last]


def moments(rows: Sequence[Document], now: str) -> list[str]:
    """Now, and each later day on which a price begins."""
    return [now, *sorted({row["since"] for row in rows if not begun(row, now)})]


def amounts(rows: Rows) -> dict[tuple[str, str, int, str], Decimal]:
    """All amounts of the rows in force; a factor is told as what it makes of each unit."""
    found: dict[tuple[str, str, int, str], Decimal] = {}
    for row in rows:
        hours = f"{row.get('hours', '')}{row.get('days', '')}"
        _lay(found, hours, "", row, ONE)
        for term, variant in row.get("variants", {}).items():
            factor = Decimal(variant.get("factor", ONE))
            if not variant.get("rates"):
                _lay(found, hours, term, row, factor)
            _lay(found, hours, term, variant, factor)
    return found


def _lay(
    found: dict[tuple[str, str, int, str], Decimal],
    hours: str,
    term: str,
    price: Document,
    factor: Decimal,
) -> None:
    places = [(0, price.get("rates", {}))]
    places += [(int(tier["above"]), tier["rates"]) for tier in price.get("tiers") or ()]
    for above, rates in places:
        for unit, rate in rates.items():
            if unit in TOKEN_UNITS:
                found[hours, term, above, unit] = Decimal(str(rate)) * factor
            elif not term or price.get("factor"):  # no term changes a fee that it does not name
                found[hours, term, above, unit] = Decimal(str(rate))


class Terms:
    """What a vendor's price has besides its rows: the fees and the terms of all its models."""

    def __init__(self, document: Document) -> None:
        self._fees = {unit: Decimal(str(rate)) for unit, rate in document.get("fees", {}).items()}
        self._terms = parse_terms(document.get("terms", {}), "terms")

    def whole(self, model: str, rows: Rows) -> Rows:
        """The rows as calls are billed by them."""
        made = []
        for row in rows:
            own = row.get("variants", {})
            others = {
                term: _document(rule.of(model, None))
                for term, rule in self._terms.items()
                if term not in own
            }
            variants = {**others, **own}
            made.append({**row, "rates": {**self._fees, **row["rates"]}, "variants": variants})
        return made


def _document(variant: Variant) -> Document:
    return {"rates": dict(variant.rates), "factor": variant.factor}


def steps(old: Rows, new: Rows, now: str) -> list[Step]:
    """What differs, now and later, each amount at the first moment at which it does so."""
    found: dict[tuple[Any, ...], Step] = {}
    for moment in moments([*old, *new], now):
        before, after = amounts(at(old, moment)), amounts(at(new, moment))
        for key in {**before, **after}:
            one, other = _stands(before, key), _stands(after, key)
            if one != other and (key, other) not in found:
                found[key, other] = Step(moment, _name(key), one, other)
    return list(found.values())


def _stands(table: Amounts, key: tuple[str, str, int, str]) -> Decimal:
    """
    An amount, or what is billed where there is none of that name.

    A tier that is not there costs what is below it, an hour what the day does, a term that is not
    there the base price, a part its whole.
    """
    if key in table:
        return table[key]
    hours, term, above, unit = key
    for other in ((hours, term, 0, unit), ("", term, above, unit), ("", term, 0, unit),
                  (hours, "", above, unit), ("", "", above, unit), ("", "", 0, unit)):  # fmt: skip
        if other in table:
            return table[other]
    if unit == "cache_write_1h":
        return _stands(table, (hours, term, above, "cache_write"))
    whole = "output" if unit in OUTPUT_UNITS else "input"
    part = unit in TOKEN_UNITS and unit != whole
    return _stands(table, (hours, term, above, whole)) if part else ZERO


def _name(key: tuple[str, str, int, str]) -> str:
    hours, term, above, unit = key
    parts = [unit, term, f"above {above:,}" if above else "", f"at {hours}" if hours else ""]
    return ", ".join(part for part in parts if part)


def dearer(old: Rows, new: Rows, now: str) -> Rows:
    """
    The dearer of both at each moment: what may be taken of a change that is partly a cut.

    Rows are those of `new`, each amount raised to what the old price had then; `old` is whole.
    """
    made = [row for row in new if begun(row, now) and (row["since"] or "") != now]
    for moment in moments([*old, *new], now):
        stood, holds = amounts(at(old, moment)), at(new, moment)
        raised = [_raised(row, stood) for row in holds]
        before = at(made, moment)
        if amounts(raised) != amounts(before):
            made += [{**row, "since": moment} for row in raised]
    return made


def _raised(row: Document, stood: Amounts) -> Document:
    hours = f"{row.get('hours', '')}{row.get('days', '')}"
    made = {**row, "rates": _most(row["rates"], stood, (hours, "", 0))}
    if row.get("tiers"):
        made["tiers"] = [
            {**tier, "rates": _most(tier["rates"], stood, (hours, "", int(tier["above"])))}
            for tier in row["tiers"]
        ]
    if "variants" in row:
        made["variants"] = {
            term: _raised_variant(each, stood, hours, term)
            for term, each in row["variants"].items()
        }
    return made


def _raised_variant(variant: Document, stood: Amounts, hours: str, term: str) -> Document:
    made = dict(variant)
    if "rates" in variant:
        made["rates"] = _most(variant["rates"], stood, (hours, term, 0))
    if variant.get("tiers"):
        made["tiers"] = [
            {**tier, "rates": _most(tier["rates"], stood, (hours, term, int(tier["above"])))}
            for tier in variant["tiers"]
        ]
    if "factor" in variant and not variant.get("rates"):
        made["factor"] = max(Decimal(str(variant["factor"])), _factor(stood, hours, term))
    return made


def _factor(stood: Amounts, hours: str, term: str) -> Decimal:
    """By how much a term made any unit dearer before."""
    ratios = [
        rate / base
        for (when, name, above, unit), rate in stood.items()
        if (when, name) == (hours, term) and (base := stood.get((hours, "", above, unit)))
    ]
    return max(ratios, default=ZERO).quantize(Decimal("0.0001"), ROUND_CEILING)


def _most(rates: Document, stood: Amounts, place: tuple[str, str, int]) -> Document:
    return {
        unit: max(Decimal(rate), _stands(stood, (*place, unit))) for unit, rate in rates.items()
    }
