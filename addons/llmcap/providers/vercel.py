"""
Vercel's AI Gateway: ai-gateway.vercel.sh.

`usage.cost` is what the gateway bills. With a key of the user's own that is nothing, and the
model's vendor bills what `market_cost` says. Reasoning is in neither `completion_tokens` nor the
total.
https://vercel.com/docs/ai-gateway
"""

from decimal import Decimal

from llmcap.providers.compatible import (
    BESIDE,
    Api,
    AskedEmbeddingsReader,
    AskedResponsesReader,
    CompatibleReader,
    compatible,
)
from llmcap.providers.parts.billed import PricedAsAsked
from llmcap.providers.parts.limits import by_model
from llmcap.providers.parts.reader import amount, document
from llmcap.providers.parts.shape import Document


def cost(told: Document) -> Decimal | None:
    """The bill of an answer, the gateway's or the vendor's, in dollars."""
    usage = document(told.get("usage"))
    own = amount(usage.get("cost"))
    if own is None or usage.get("is_byok") is not True:
        return own
    return own + (amount(usage.get("market_cost")) or Decimal(0))


class GatewayReader(PricedAsAsked, CompatibleReader):
    """Chat completions that leave the reasoning out."""

    reasons = BESIDE


PROVIDER = compatible(
    "vercel-gateway",
    "ai-gateway.vercel.sh",
    messages=("/v1",),
    api=Api(
        chat=GatewayReader,
        responses=AskedResponsesReader,
        embeddings=AskedEmbeddingsReader,
        bill=cost,
        limits=by_model,
    ),
)
