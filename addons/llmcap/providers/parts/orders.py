"""
Orders of work that is done later: batches of calls, in a file or in the request itself.

What an order asks for is a sum of lots, each of which has a model of its own. What became of it is
told by an object that may be looked at as often as one likes, alone or in a list.
"""

import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import override

from llmcap.pricing.terms import BATCH, TIER, kind_of
from llmcap.providers.parts.reader import BaseReader
from llmcap.providers.parts.shape import Ask, Document, Lot, Request, Work
from llmcap.words.errors import FormatError
from llmcap.words.records import Reading

# Why work that ended costs nothing.
NOTHING_DONE = "nothing_done"


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


def batched(ask: Ask) -> Ask:
    """The same call as one of a batch: at its terms, never streamed, and for nobody of its own."""
    terms = (*(term for term in ask.terms if kind_of(term) != TIER), BATCH)
    return replace(ask, stream=False, deferred=False, terms=terms, attributes={})


def order_batch(ask: Ask, works: Sequence[Work]) -> Ask:
    """All the calls of its files. Raises `FormatError` for files that have none."""
    for work in works:
        if work.purpose != BATCH:  # the word is the same
            raise FormatError(f"the file was uploaded for {work.purpose}, not for a batch")
    lots = [replace(lot, model=lot.model or ask.model) for work in works for lot in work.lots]
    return with_lots(ask, lots)


class OrderReader(BaseReader):
    """An order as it was placed, or as it is now; or a list of them."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._readings: list[Reading] = []

    @abstractmethod
    def told(self, document: Document) -> list[Reading]:
        """What the answer tells of each order in it."""

    def body(self, document: Document) -> None:
        """The whole answer."""
        if document.get("error") and not document.get("id") and not document.get("name"):
            self.fail(document["error"])
        self._readings = self.told(document)
        if self.ask.deferred:  # it was just placed
            self._readings = [replace(each, deferred=not each.complete) for each in self._readings]

    @override
    def reading(self) -> Reading:
        """The first of them, and with it the others."""
        if not self._readings:
            return super().reading()
        first, *others = self._readings
        return replace(first, others=tuple(others))


def read_nothing(request: Request) -> Ask:  # noqa: ARG001 - the shape of `read`
    """A look at what was ordered before: the answer tells of which."""
    return Ask(model="", generates=False)
