"""
Prices in a user's config, in the price book's own keys.

    prices:
      openai/my-model: {input: 2.50, output: 10, cache_read: 1.25, max_output: 16384}

An amount may be written as text, an integer or a decimal. YAML hands a decimal over as a float;
Python prints a float as the shortest text that reads back as the same one, which is the text that
was typed for anything of up to fifteen digits, so that text is what counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from llmcap.pricing.carried import moved_tiers, moved_variant
from llmcap.pricing.entries import parse_limit, parse_rates, parse_tiers, parse_variants
from llmcap.words.errors import PriceError
from llmcap.words.usage import Price, Tier, Variant

LIMITS = ("max_output", "context_window")
KEYS = (*LIMITS, "reasons", "tiers", "variants")
SOURCE = "config"

_NO_RATES: Mapping[str, Decimal] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Override:
    """One model of the config; None and empty mean that the book's word stands."""

    provider: str
    model: str
    rates: Mapping[str, Decimal] = _NO_RATES
    tiers: tuple[Tier, ...] | None = None
    variants: Mapping[str, Variant] | None = None
    max_output: int | None = None
    context_window: int | None = None
    reasons: bool | None = None

    def over(self, known: Price | None) -> Price:
        """
        The price with this on top of the book's, if the book has one.

        Where a rate is overridden but tiers and variants are not, the book's rates for them move in
        proportion: half price for a batch stays half price. What the book knows of the model
        besides (its limits, that it does not reason) stays.
        """
        if known is None:
            known = Price(provider=self.provider, model=self.model, rates=_NO_RATES)
        rates = MappingProxyType({**known.rates, **self.rates})
        tiers = moved_tiers(known.tiers, known.rates, rates)
        variants = {
            term: moved_variant(variant, known.rates, rates)
            for term, variant in known.variants.items()
        }
        return replace(
            known,
            rates=rates,
            tiers=tiers if self.tiers is None else self.tiers,
            # A term that the config does not name costs what it costs at this vendor.
            variants=MappingProxyType({**variants, **(self.variants or {})}),
            source=SOURCE if not known.source else f"{SOURCE}, {known.source}",
            max_output=self.max_output or known.max_output,
            context_window=self.context_window or known.context_window,
            reasons=known.reasons if self.reasons is None else self.reasons,
            # Whoever says what a router's tokens cost means the whole of it.
            serves=() if self.rates else known.serves,
        )

    def like(self, known: Price) -> Price:
        """
        The price of a model that somebody else sells, whose vendor's price is in the book.

        The rates are all the config's own: a gateway may bill what the vendor gives away. What the
        model is, and what its terms cost beside its usual price, is the vendor's.
        """
        moved = self.over(known)
        return replace(moved, provider=self.provider, model=self.model, rates=self.rates)


def parse_override(key: str, fields: object) -> Override:
    """
    One entry of the config's `prices`, checked. Raises `PriceError` naming key, value and move.
    """
    provider, slash, model = str(key).partition("/")
    if not slash or not provider or not model:
        raise PriceError(f"prices: {key!r} must be provider/model, such as openai/my-model")
    if not isinstance(fields, Mapping) or not fields:
        raise PriceError(
            f"prices: {key}: {fields!r} must be a mapping such as {{input: 2.50, output: 10}}"
        )
    where = f"prices: {key}"
    rates = {name: value for name, value in fields.items() if name not in KEYS}
    reasons = fields.get("reasons")
    if reasons is not None and not isinstance(reasons, bool):
        raise PriceError(f"{where}.reasons: {reasons!r} must be true or false")
    return Override(
        provider=provider,
        model=model,
        rates=parse_rates(rates, where),
        tiers=parse_tiers(fields["tiers"], f"{where}.tiers") if "tiers" in fields else None,
        variants=(
            parse_variants(fields["variants"], f"{where}.variants")
            if "variants" in fields
            else None
        ),
        max_output=parse_limit(fields.get("max_output"), f"{where}.max_output"),
        context_window=parse_limit(fields.get("context_window"), f"{where}.context_window"),
        reasons=reasons,
    )
