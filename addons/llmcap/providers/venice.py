"""
Venice: api.venice.ai. Each answer tells its cost beside the usage: `cost.usd`.

https://docs.venice.ai/api-reference
"""

from decimal import Decimal

from llmcap.providers.compatible import LATER, Api, compatible
from llmcap.providers.reader import amount, document
from llmcap.providers.shape import Document


def cost(told: Document) -> Decimal | None:
    """The bill of an answer, in dollars."""
    return amount(document(told.get("cost")).get("usd"))


PROVIDER = compatible(
    "venice",
    "api.venice.ai",
    bases=("/api/v1",),
    api=Api(bill=cost, asks_usage=False),
    more=(("POST", "/api/v1/image/{}", LATER),),
)
