"""
What a vendor asks for its terms of service, found in what it asks of all its models.

A term that any model lists may be served to one that lists none: then the dearest that the vendor
asks for it anywhere is what it costs, and never less than the base price. A batch has a rule of its
own in `overlay/providers.yaml`, or none.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from llmcap.pricing.terms import BATCH, KINDS, kind_of

Document = dict[str, Any]
ONE = Decimal(1)
# A ratio of two prices seldom has a last digit; it is told upwards, to the tenth of a per mille.
_STEP = Decimal("0.0001")


def of(models: Iterable[Document], said: Mapping[str, Document]) -> Document:
    """The terms of a vendor: what its rules say of each, else the dearest factor that is listed."""
    dearest: dict[str, Decimal] = {}
    for model in models:
        for entry in model["prices"]:
            for term, variant in entry.get("variants", {}).items():
                if term != BATCH and kind_of(term) in KINDS:
                    factor = _factor(entry["rates"], variant)
                    dearest[term] = max(dearest.get(term, ONE), factor)
    terms: Document = {}
    for term in sorted({*dearest, *said}):
        rule = dict(said.get(term, {}))
        if "factor" not in rule and "rates" not in rule:
            rule = {"factor": dearest.get(term, ONE), **rule}
        terms[term] = rule
    return terms


def _factor(rates: Mapping[str, Decimal], variant: Document) -> Decimal:
    """The most by which a variant raises any unit of its price."""
    own = variant.get("rates", {})
    ratios = [rate / rates[unit] for unit, rate in own.items() if rates.get(unit)]
    raised: Decimal = max(ratios, default=ONE) * variant.get("factor", ONE)
    return raised.quantize(_STEP, ROUND_CEILING).normalize()
