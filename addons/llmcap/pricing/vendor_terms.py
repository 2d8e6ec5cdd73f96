"""
What a vendor asks for its terms of service, and which of them an account may have by default.

A model of the book may list no price under a term that its vendor has: because it is new, or
because no source said so. Then the dearest that the vendor asks of any model is assumed, which the
book's maker finds (`llmcap.tariffs`). Of the models that list none, `same` names those of which
the vendor itself says that a term does not change their price, and `asked` those that no account is
given under the term by default.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from llmcap.pricing.terms import is_base, kind_of
from llmcap.words.errors import PriceError
from llmcap.words.usage import Variant

KEYS = frozenset(("same", "asked"))


@dataclass(frozen=True, slots=True)
class VendorTerm:
    """One term of a vendor, for the models that say nothing of it."""

    variant: Variant
    same: re.Pattern[str] | None = None
    asked: re.Pattern[str] | None = None

    def of(self, model: str, own: Variant | None) -> Variant:
        """The model's variant: its own, where it lists one, else the vendor's."""
        if own is not None:
            return replace(own, unasked=True) if self.variant.unasked else own
        if self.same is not None and self.same.search(model):
            return Variant()
        if self.asked is not None and self.asked.search(model):
            return asked_only(self.variant)
        return self.variant


VendorTerms = Mapping[str, VendorTerm]


def asked_only(variant: Variant) -> Variant:
    """The same where no account has it by default."""
    return replace(variant, unasked=False) if variant.unasked else variant


def parse_patterns(fields: Mapping[str, Any], where: str) -> dict[str, re.Pattern[str] | None]:
    """`same` and `asked` of a term, as patterns over ids. Raises `PriceError`."""
    found: dict[str, re.Pattern[str] | None] = dict.fromkeys(sorted(KEYS))
    for key in KEYS & fields.keys():
        try:
            found[key] = re.compile(str(fields[key]), re.IGNORECASE)
        except re.error as error:
            raise PriceError(f"{where}.{key}: {fields[key]!r} is no pattern: {error}") from error
    return found


def completed(own: Mapping[str, Variant], terms: VendorTerms, model: str) -> Mapping[str, Variant]:
    """The variants of a model with those of its vendor."""
    if not terms:
        return own
    vendors = {term: rule.of(model, own.get(term)) for term, rule in terms.items()}
    return MappingProxyType({**own, **vendors})


def lent(
    own: Mapping[str, Variant], lender: VendorTerms, seller: VendorTerms, model: str
) -> Mapping[str, Variant]:
    """The same where another sells the model: what an account has by default is the seller's."""
    listed = {term: asked_only(variant) for term, variant in own.items()}
    rest = {term: asked_only(each) for term, each in completed(own, lender, model).items()}
    return MappingProxyType({**rest, **completed(listed, seller, model)})


def under_account(
    variants: Mapping[str, Variant], account: Mapping[str, str]
) -> Mapping[str, Variant]:
    """The same for an account whose defaults are known, by kind: it has those and no other."""
    changed = dict(variants)
    for kind, default in account.items():
        names = [term for term in variants if kind_of(term) == kind]
        known = default in names or is_base(default)
        for term in names:
            # What nobody knows here costs the dearest of its kind, as for any such term.
            changed[term] = replace(variants[term], unasked=term == default or not known)
    return MappingProxyType(changed)
