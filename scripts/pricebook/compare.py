"""
Where the book and litellm's table disagree, for the models that recorded traffic has shown.

Not an error: the sources differ for good reasons and bad ones, and the overlay settles those that
were looked into. What appears here newly deserves a look.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from llmcap.pricing import PriceBook
from llmcap.tariffs import litellm_table
from llmcap.tariffs.build import Sources
from llmcap.words.records import Price

# What can be held against each other: the table has one search fee, no history, no hours.
UNITS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio")


def lines(book: PriceBook, sources: Sources, at: datetime) -> Iterator[str]:
    """One line for each model that differs, then the count of all that were compared."""
    compared = differing = 0
    for provider, rules in sources.providers().items():
        listed = {name.lower(): fields for name, fields in sources.listed(rules).items()}
        for model in sources.seen.get(provider, ()):
            fields = listed.get(model.lower())
            theirs = litellm_table.price(fields).get("rates") if fields else None
            price = book.find(provider, model, at)
            if not theirs or price is None:
                continue
            compared += 1
            if difference := _difference(price, theirs):
                differing += 1
                yield f"{provider}/{model}: {difference} ({price.source})"
    yield f"{differing} of {compared} models differ"


def _difference(price: Price, theirs: Mapping[str, Decimal]) -> str:
    parts = [
        f"{unit} {price.rates[unit]} here, {theirs[unit]} in {litellm_table.SOURCE}"
        for unit in UNITS
        if unit in price.rates and unit in theirs and price.rates[unit] != theirs[unit]
    ]
    return ", ".join(parts)
