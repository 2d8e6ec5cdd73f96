"""
Mistral's documents, recognised: billed by the page, more where it is annotated too.

https://docs.mistral.ai/api, https://mistral.ai/pricing
"""

from dataclasses import replace

from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, count, text
from llmcap.providers.parts.shape import (
    Ask,
    Document,
    Media,
    Request,
)
from llmcap.words.records import Usage

_ANNOTATIONS = ("document_annotation_format", "bbox_annotation_format")


def read_ocr(request: Request) -> Ask:
    """What a request to recognise a document asks for: so many pages at most."""
    body = request.document()
    unit = page_unit(body)
    pages = body.get("pages")
    most = len(pages) if isinstance(pages, list) else 0
    # A document that is named in another way than is known here is one that Mistral fetches.
    documents = measure(request).media or (Media("file"),)
    return Ask(
        model=text(body.get("model")),
        media=tuple(replace(each, unit=unit, most=most) for each in documents),
        generates=False,
        hidden_work=False,
    )


def page_unit(body: Document) -> str:
    """What a page is billed as."""
    return "annotated_page" if any(body.get(name) for name in _ANNOTATIONS) else "page"


class OcrReader(BaseReader):
    """A recognised document: its pages."""

    tells = "pages"

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.model = text(document.get("model")) or self.model
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage_info")
        if isinstance(usage, dict):
            unit = next((each.unit for each in self.ask.media), "page")
            self.charge(Usage(extras={unit: count(usage.get("pages_processed"))}))
            self.complete = True
