"""
What a vendor asks for a model in some of its regions, where litellm lists them as models of their
own: `bedrock/sa-east-1/meta.llama3-70b-instruct-v1:0`.

A region in which a model is dearer is a term of its price, `geo-sa-east-1`; where it is not dearer,
or not listed, the vendor's rule for that term holds.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from typing import Any

from llmcap.pricing.terms import REGION
from llmcap.pricing.units import TOKEN_UNITS
from llmcap.tariffs import litellm_table

Document = dict[str, Any]
ONE = Decimal(1)
# A ratio of two prices seldom has a last digit; it is told upwards, to the tenth of a per mille.
_STEP = Decimal("0.0001")


def with_regions(
    models: dict[str, Document], rows: Iterable[tuple[str, Document]], pattern: str
) -> None:
    """
    Add to each model the regions in which it is dearer; `rows` are litellm's, with their keys.

    `pattern` has the region and the model of a key as its groups.
    """
    owners = {alias.lower(): name for name, each in models.items() for alias in each["aliases"]}
    owners |= {name.lower(): name for name in models}
    for key, fields in rows:
        found = re.fullmatch(pattern, key)
        owner = owners.get(found[2].lower()) if found else None
        if found is None or owner is None:
            continue
        entry = models[owner]["prices"][-1]
        factor = _dearer(entry["rates"], litellm_table.price(fields).get("rates", {}))
        if factor > ONE:
            term = f"{REGION}-{found[1]}"
            known = entry.setdefault("variants", {}).get(term, {}).get("factor", ONE)
            entry["variants"] = {**entry["variants"], term: {"factor": max(known, factor)}}


def _dearer(rates: Document, there: Document) -> Decimal:
    """The most by which any token costs more there."""
    ratios = [
        there[unit] / rates[unit] for unit in TOKEN_UNITS if rates.get(unit) and there.get(unit)
    ]
    return max(ratios, default=ONE).quantize(_STEP, ROUND_CEILING).normalize()
