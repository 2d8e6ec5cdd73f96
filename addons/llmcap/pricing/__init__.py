"""
What calls cost: the price book, and the arithmetic over it.

The book itself is data (`pricing/` beside the sources, one YAML file per provider); nothing here
holds a price. `PriceBook.find` says what a model costs at a moment, `cost_usd` what a usage costs
at that price, `worst_rates` the dearest that one more token of a call can be. A model, a time and a
usage come in, an exact amount goes out. What has no price is never free.
"""

from llmcap.pricing.book import PriceBook, current_book
from llmcap.pricing.cost import cost_usd
from llmcap.pricing.override import Override, parse_override
from llmcap.pricing.rates import worst_rates
from llmcap.pricing.terms import SUMMED
from llmcap.pricing.units import Unit, units

__all__ = [
    "SUMMED",
    "Override",
    "PriceBook",
    "Unit",
    "cost_usd",
    "current_book",
    "parse_override",
    "units",
    "worst_rates",
]
