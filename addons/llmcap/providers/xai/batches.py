"""
xAI's batches: what they cost is told page by page in their results.

https://docs.x.ai/docs/api-reference
"""

from dataclasses import replace
from decimal import Decimal

from llmcap.pricing.terms import BATCH
from llmcap.providers.parts.reader import (
    BaseReader,
    document,
    documents,
)
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.providers.xai.usage import SearchingReader, ToolsReader, ticks
from llmcap.words.records import Reading


def read_batch_results(request: Request) -> Ask:
    """Which page of which batch's results is fetched."""
    segments = request.path.strip("/").split("/")
    page = request.query.get("pagination_token", "")
    return Ask(model="", previous_id=f"{segments[-2]}#{page}", generates=False)


class BatchResultsReader(BaseReader):
    """One page of a batch's results: a call each, with a bill of its own."""

    def body(self, document: Document) -> None:
        """The whole page."""
        self.response_id = self.ask.previous_id
        answers = [_answer(result) for result in documents(document.get("results"))]
        told = [_reading(answer) for answer in answers if answer]
        charges = tuple(
            replace(charge, terms=(BATCH,)) for reading in told for charge in reading.charges
        )
        if charges:
            self.charge_all(charges)
            bills = [bill for answer in answers if (bill := ticks(answer)) is not None]
            # A bill that is missing must not make its call free, nor the page whole.
            self.billed_usd = sum(bills, Decimal(0)) if len(bills) == len(charges) else None
            self.complete = all(reading.complete or reading.error for reading in told)


def _answer(result: Document) -> Document:
    """The answer in a line of results, under the name of its kind."""
    response = document(document(result.get("batch_result")).get("response"))
    return next((document(each) for each in response.values()), {})


def _reading(answer: Document) -> Reading:
    responds = answer.get("object") == "response"
    reader = (ToolsReader if responds else SearchingReader)(Ask(model=""))
    reader.body(answer)
    reading: Reading = reader.reading()
    return reading
