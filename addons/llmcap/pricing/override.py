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

from llmcap.errors import PriceError
from llmcap.pricing.cost import scaled
from llmcap.pricing.entries import parse_limit, parse_rates, parse_tiers, parse_variants
from llmcap.records import Price, Tier, Variant

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
        proportion: half price for a batch stays half price.
        """
        if known is None:
            known = Price(provider=self.provider, model=self.model, rates=_NO_RATES)
        base = known.rates
        return replace(
            known,
            rates=MappingProxyType({**base, **self.rates}),
            tiers=self._moved(known.tiers, base) if self.tiers is None else self.tiers,
            variants=(
                MappingProxyType(
                    {
                        term: replace(
                            variant,
                            rates=self._scaled(variant.rates, base),
                            tiers=self._moved(variant.tiers, base),
                        )
                        for term, variant in known.variants.items()
                    }
                )
                if self.variants is None
                else self.variants
            ),
            source=SOURCE if not known.source else f"{SOURCE}, {known.source}",
            max_output=self.max_output or known.max_output,
            context_window=self.context_window or known.context_window,
            reasons=known.reasons if self.reasons is None else self.reasons,
        )

    def _moved(self, tiers: tuple[Tier, ...], base: Mapping[str, Decimal]) -> tuple[Tier, ...]:
        return tuple(replace(tier, rates=self._scaled(tier.rates, base)) for tier in tiers)

    def _scaled(
        self, rates: Mapping[str, Decimal], base: Mapping[str, Decimal]
    ) -> Mapping[str, Decimal]:
        return MappingProxyType(
            {
                name: scaled(rate, self.rates[name], base[name])
                if name in self.rates and name in base
                else rate
                for name, rate in rates.items()
            }
        )


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
