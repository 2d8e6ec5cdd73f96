"""
Responses that tell what they cost: the provider's own bill, beside what its usage says.

The bill is what counts; the usage stays for token budgets, and for a stream that breaks off before
its bill came. So any reader can be given this company, and none has to know about it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from llmcap.providers.parts.reader import BaseReader, amount, document
from llmcap.providers.parts.shape import Ask, Document, Reader
from llmcap.words.records import Reading

# The dollars that a document tells, or None where it tells none.
Bill = Callable[[Document], Decimal | None]

# Where the events of a stream keep the document that a whole answer is.
_ENVELOPES = ("response", "message")


class BilledReader:
    """Another reader's reading, with the bill that stood beside the usage it read."""

    def __init__(self, inner: BaseReader, bill: Bill) -> None:
        self.telling = inner.telling
        self._inner = inner
        self._bill = bill
        self._billed_usd: Decimal | None = None
        self._whole = False

    def event(self, event: Document, name: str = "") -> None:
        """One event; a bill may be told again and again, the last one counts."""
        self._inner.event(event, name)
        for told in (event, *(document(event.get(key)) for key in _ENVELOPES)):
            self._look(told)

    def body(self, document: Document) -> None:
        """A whole answer: with its bill, nothing is missing."""
        self._inner.body(document)
        self._look(document)
        self._whole = self._billed_usd is not None

    def head(self, headers: Mapping[str, str]) -> None:
        """The head of the response."""
        self._inner.head(headers)

    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """A response that is no JSON has no bill."""
        self._inner.raw(size, headers)

    def take_text(self) -> str:
        """The generated text that was seen since this was asked last."""
        return self._inner.take_text()

    def reading(self) -> Reading:
        """
        The bill counts only when it is final: streams tell parts of it on their way.

        One of nothing for an answer with output is not believed: who pays a vendor or in another
        currency is told that too. What is given away has a price of 0 in the book.
        """
        reading = self._inner.reading()
        if not (reading.complete or self._whole):
            return reading
        billed = self._billed_usd
        if billed == 0 and any(charge.usage.output_tokens for charge in reading.charges):
            billed = None
        return replace(reading, complete=True, deferred=False, billed_usd=billed)

    def _look(self, told: Document) -> None:
        if told and (usd := self._bill(told)) is not None:
            self._billed_usd = usd


class PricedAsAsked(BaseReader):
    """
    Sellers whose prices go by the name that was asked for.

    What answers a router's or a cloud's model has a name of its own, under which it sells nothing,
    unless the request named it as one that may serve instead.
    """

    @property
    def served_model(self) -> str:
        """The model whose price applies."""
        if self.model in self.ask.instead:
            return self.model or ""
        return self.ask.model or self.model or ""


@dataclass(frozen=True, slots=True)
class Billed:
    """Makes readers of a kind, each with an eye on the bill."""

    reader: Callable[[Ask], BaseReader]
    bill: Bill

    def __call__(self, ask: Ask) -> Reader:
        """The reader of one response."""
        return BilledReader(self.reader(ask), self.bill)


def billed(reader: Callable[[Ask], BaseReader], bill: Bill) -> Billed:
    """The same kind of reader, with an eye on the bill."""
    return Billed(reader, bill)


def usage_cost(told: Document) -> Decimal | None:
    """`usage.cost`, in dollars: OpenRouter, Vercel and others after them."""
    return amount(document(told.get("usage")).get("cost"))
