"""
The wire format of rerankers as Cohere defined it, which Jina, Voyage and others took over.

A request has one query and many documents. It is billed by tokens, or by searches: the price says
which. Cohere bills one search per hundred documents, and long documents count as several
(docs.cohere.com/docs/rerank-overview): 500 tokens each, the query with them. Where the answer does
not count the searches, those that were held are billed.
"""

import json

from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, count, document, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Count, Usage

DOCUMENTS_PER_SEARCH = 100
TOKENS_PER_DOCUMENT = 500


def read_rerank(request: Request) -> Ask:
    """What a request to rank documents asks for, by tokens."""
    body = request.document()
    content = measure(request)
    # The query is read once more with each document.
    documents = body.get("documents")
    number = len(documents) if isinstance(documents, list) else 1
    query = len(json.dumps(body.get("query", "")))
    return Ask(
        model=text(body.get("model")),
        text_bytes=content.text_bytes + query * number,
        media=content.media,
        generates=False,
        prompts=max(number, 1),
        hidden_work=False,
        measures={"search_unit": searches_bound(body)},
    )


def searches_bound(body: Document) -> int:
    """The most searches that a request can be billed as: a byte is a token at most."""
    documents = body.get("documents")
    if not isinstance(documents, list):
        return 1
    query = len(json.dumps(body.get("query", "")))
    parts = sum((len(json.dumps(each)) + query) // TOKENS_PER_DOCUMENT + 1 for each in documents)
    return max(-(-parts // DOCUMENTS_PER_SEARCH), 1)


class RerankReader(BaseReader):
    """Rankings: tokens under `usage`, or searches under `usage` or `meta.billed_units`."""

    tells = "tokens or searches"

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.model = text(document.get("model")) or self.model
        self.response_id = text(document.get("id")) or self.response_id
        if document.get("error"):
            self.fail(document["error"])
        usage = rerank_usage(document)
        if "search_unit" in self.ask.fees and not (usage and usage.extras):
            ranked = isinstance(document.get("results") or document.get("data"), list)
            usage = Usage(extras=self.uncounted) if usage or ranked else None
        if usage is not None:
            self.charge(usage)
            self.complete = True


def rerank_usage(told: Document) -> Usage | None:
    """What a ranking says it used."""
    usage = document(told.get("usage")) or document(document(told.get("meta")).get("tokens"))
    billed = document(document(told.get("meta")).get("billed_units"))
    searches = count(billed.get("search_units")) or count(usage.get("search_units"))
    extras: dict[str, Count] = {"search_unit": searches} if searches else {}
    tokens = max(count(usage.get(key)) for key in ("prompt_tokens", "input_tokens", "total_tokens"))
    if searches:
        return Usage(extras=extras)
    return Usage(input_tokens=tokens) if tokens else None
