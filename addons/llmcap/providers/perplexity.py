"""
Perplexity: api.perplexity.ai, which searches in every call of a Sonar model.

Each call has a fee by the size of its search context, besides its tokens, and the answer tells the
whole bill: `usage.cost.total_cost`. Deep research searches as often as it wants and bills the
sources that it cites and its reasoning apart.
https://docs.perplexity.ai/getting-started/pricing
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from llmcap.providers.compatible import LATER, Api, CompatibleReader, Read, compatible
from llmcap.providers.compatible_tools import no_tools
from llmcap.providers.openai.chat import read_chat
from llmcap.providers.openai.containers import SideReader
from llmcap.providers.parts import hosted
from llmcap.providers.parts.billed import billed
from llmcap.providers.parts.orders import NOTHING_DONE, read_nothing, request_of
from llmcap.providers.parts.reader import amount, count, document, text
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Request
from llmcap.words.records import Count, Usage

SIZES = ("low", "medium", "high")

# A deep research makes dozens of searches; this many were never seen, and nothing is documented.
RESEARCH_SEARCHES = 200


def total_cost(told: Document) -> Decimal | None:
    """The bill of an answer, in dollars."""
    return amount(document(document(told.get("usage")).get("cost")).get("total_cost"))


def with_fee(read: Read) -> Read:
    """The same with the fee of a search, for the models that make one."""

    def read_with_fee(request: Request) -> Ask:
        ask = read(request)
        if not ask.generates:
            return ask
        if not _searches(ask.model):
            # A model of another vendor, which may use Perplexity's tools.
            has_tools = bool(request.document().get("tools"))
            return ask if has_tools else replace(ask, fees={})
        options = document(request.document().get("web_search_options"))
        fees: dict[str, Count] = {_unit(options.get("search_context_size")): 1}
        if "deep-research" not in ask.model:
            # What is found is read without being billed.
            return replace(ask, fees=fees, loops=1, extra_input=0)
        read_tokens = RESEARCH_SEARCHES * hosted.RESULT_TOKENS
        fees |= {"web_search": RESEARCH_SEARCHES, "citation_token": read_tokens}
        return replace(ask, fees=fees, loops=1, extra_input=0)

    return read_with_fee


def _searches(model: str) -> bool:
    return "sonar" in model and "/" not in model


def _unit(size: object) -> str:
    """The fee of a search of this size: of one that is not known, the dearest."""
    known = size if size in SIZES else SIZES[-1]
    return f"search_request_{SIZES[0] if size in (None, '') else known}"


class SonarReader(CompatibleReader):
    """Chat completions with the units of their searches."""

    def usage_of(self, usage: Document) -> Usage:
        """Tokens, the fee of the call, and what a research is billed for besides."""
        extras: dict[str, Count] = dict(self._fee(usage))
        searches = count(usage.get("num_search_queries"))
        if searches and "deep-research" in self.served_model:
            extras["web_search"] = searches
        if cited := count(usage.get("citation_tokens")):
            extras["citation_token"] = cited
        known = super().usage_of(usage)
        reasoning = count(usage.get("reasoning_tokens"))
        return replace(
            known,
            # Reasoning of a research comes on top of what it writes.
            output_tokens=known.output_tokens + reasoning,
            reasoning=known.reasoning + reasoning,
            extras=extras,
        )

    def _fee(self, usage: Document) -> Mapping[str, Count]:
        if not _searches(self.served_model):
            return {}
        asked = next((unit for unit in self.ask.fees if unit.startswith("search_request_")), "")
        size = text(usage.get("search_context_size"))
        return {_unit(size) if size else asked or _unit(None): 1}


# --- calls that are answered later, and bare searches ---------------------------------------


def read_async(request: Request) -> Ask:
    """What a request for an answer that is fetched later asks for: the call is inside of it."""
    call = request_of(request, document(request.document().get("request")))
    return replace(with_fee(read_chat)(call), stream=False, deferred=True)


def async_cost(told: Document) -> Decimal | None:
    """The bill of such an answer, where it is there already."""
    return total_cost(document(told.get("response")))


class AsyncReader(SonarReader):
    """A call that was put in a queue, and its answer once it is there."""

    def body(self, document: Document) -> None:
        """The whole state."""
        super().body(_dict(document.get("response")))
        self.response_id = text(document.get("id")) or self.response_id
        if document.get("status") == "FAILED":
            self.fail(NOTHING_DONE)
            self.complete = True


_dict = document


def read_search(request: Request) -> Ask:
    """What a request to search asks for: one search for each of its queries."""
    queries = request.document().get("query")
    number = max(len(queries), 1) if isinstance(queries, list) else 1
    return Ask(model="search", generates=False, hidden_work=False, fees={"request": number})


ASYNC = Endpoint(
    name="async chat completions",
    fields="asyncChat",
    read=read_async,
    reader=billed(AsyncReader, async_cost),
)
STORED_ASYNC = Endpoint(
    name="stored chat completion",
    billing=Billing.DEFERRED,
    read=read_nothing,
    reader=billed(AsyncReader, async_cost),
)
SEARCH = Endpoint(name="search", fields="search", read=read_search, reader=SideReader)
AGENT = replace(
    LATER, name="agents of Perplexity", advice="Chat completions of a sonar model are metered."
)

PROVIDER = compatible(
    "perplexity",
    "api.perplexity.ai",
    bases=("", "/v1"),
    api=Api(chat=SonarReader, bill=total_cost, reads=with_fee, tools=no_tools, asks_usage=False),
    more=(
        ("POST", "/async/chat/completions", ASYNC),
        ("GET", "/async/chat/completions/{}", STORED_ASYNC),
        ("POST", "/search", SEARCH),
        ("POST", "/v1/agent", AGENT),
        ("POST", "/v1/contextualizedembeddings", LATER),
        ("POST", "/v1/sonar", LATER),
    ),
)
