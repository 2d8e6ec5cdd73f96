"""
Orders of work that is done later: batches of calls, in a file or in the request itself.

What an order asks for is a sum of lots, each of which has a model of its own.
"""

import json
from collections.abc import Iterable
from dataclasses import replace

from llmcap.errors import FormatError
from llmcap.providers.shape import Ask, Document, Lot, Request


def models_of(lots: Iterable[Lot]) -> tuple[str, ...]:
    """Every model that may work on them, once."""
    return tuple(dict.fromkeys(model for lot in lots for model in (lot.model, *lot.others)))


def request_of(request: Request, body: Document, *, path: str = "") -> Request:
    """A call that stands inside another request, as a request of its own."""
    return Request(
        method="POST",
        host=request.host,
        path=path or request.path,
        headers={"content-type": "application/json"},
        body=json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        document=body,
    )


def with_lots(ask: Ask, lots: Iterable[Lot]) -> Ask:
    """The order of these lots. Raises `FormatError` where there is nothing in them."""
    lots = tuple(lots)
    models = models_of(lots)
    if not models:
        raise FormatError("there are no calls in it")
    return replace(ask, model=models[0], other_models=models[1:], lots=lots)
