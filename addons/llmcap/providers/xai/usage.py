"""
What xAI counts beside tokens: its bill in ticks, and the tools that it runs itself.

`usage.cost_in_usd_ticks` is what a call costs, in units of 10^-10 dollars, its tools included.
https://docs.x.ai/docs/api-reference, https://docs.x.ai/docs/models#pricing
"""

from dataclasses import replace
from decimal import Decimal
from typing import override

from llmcap.providers.compatible import Read
from llmcap.providers.openai.chat import HiddenReasoningReader
from llmcap.providers.openai.responses import CLIENTS_CALLS, ResponsesReader, tool_units
from llmcap.providers.parts import hosted
from llmcap.providers.parts.offered import offered
from llmcap.providers.parts.reader import (
    amount,
    count,
    document,
    documents,
    text,
)
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Count, Usage

TICK_USD = Decimal("1e-10")


# What a tool of a request is billed as, by its type.
_UNITS = {
    "web_search": "web_search",
    "live_search": "web_search",
    "x_search": "x_search",
    "code_execution": "code_execution",
    "code_interpreter": "code_execution",
    "file_search": "file_search",
    "collections_search": "file_search",
    "document_search": "file_search",
    "image_generation": "image",
}


# Live search, the older way: billed by the source, at five times the fee of a search.
SOURCES_DEFAULT = 20


SEARCHES_PER_SOURCE = 5

# Where a usage tells what its searches were, if only that there were none.
_COUNTS = ("num_sources_used", "num_server_side_tools_used", "server_side_tool_usage_details")


def ticks(told: Document) -> Decimal | None:
    """The bill of an answer, in dollars."""
    value = amount(document(told.get("usage")).get("cost_in_usd_ticks"))
    return None if value is None else value * TICK_USD


# Agents that work on one call, each of which reads and writes: 4 where little effort is asked for.
# https://openrouter.ai/x-ai/grok-4.20-multi-agent ("Reasoning effort behavior")
MULTI_AGENT = "multi-agent"
AGENTS_MAX, AGENTS_FEW = 16, 4
AGENTS = {"low": AGENTS_FEW, "medium": AGENTS_FEW}


def agents(body: Document, model: str) -> int:
    """How many agents work on this call at most."""
    if MULTI_AGENT not in model:
        return 1
    effort = document(body.get("reasoning")).get("effort", body.get("reasoning_effort"))
    return AGENTS.get(text(effort), AGENTS_MAX)


def with_tools(read: Read) -> Read:
    """The same with the fees of xAI's own tools."""

    def read_with_tools(request: Request) -> Ask:
        ask = read(request)
        if not ask.generates:
            return ask
        body = request.document()
        # https://docs.x.ai/docs/guides/deferred-chat-completions: answered with an id alone.
        ask = replace(ask, deferred=ask.deferred or bool(body.get("deferred")))
        each = count(body.get("max_turns")) or hosted.USES["xai"].most
        turns = each * agents(body, ask.model)
        kinds = {text(tool.get("type")) for tool in offered(body)}
        fees: dict[str, Count] = {_UNITS[kind]: turns for kind in kinds & _UNITS.keys()}
        # Pictures are drawn by xAI's own models, not by those that OpenAI's format names.
        several = agents(body, ask.model)
        ask = replace(
            ask,
            other_models=(),
            extra_output=0,
            loops=ask.loops * several,
            tool_calls=each if fees else 0,
            choices=ask.choices * several,
        )
        search = document(body.get("search_parameters"))
        if search and search.get("mode") != "off":
            sources = count(search.get("max_search_results")) or SOURCES_DEFAULT
            fees["web_search"] = sources * SEARCHES_PER_SOURCE
        if not fees:
            return replace(ask, fees={})
        bound = hosted.tools({next(iter(fees)): turns})
        loops = max(bound.loops, several)
        remote = (*ask.remote, *hosted.results_of(kinds))
        extra = bound.result_tokens
        return replace(ask, fees=fees, loops=loops, extra_input=extra, remote=remote)

    return read_with_tools


def fewer_turns(body: Document, most: int) -> Document:
    """
    The same request with at most so many turns of xAI's own tools; with none, without them.

    `max_tool_calls` is nothing that xAI obeys, and calls of one turn may run side by side: as many
    turns as calls were begun hold them all. https://docs.x.ai/docs/guides/tools/advanced-usage
    """
    if not most:
        tools = documents(body.get("tools"))
        return {**body, "tools": [tool for tool in tools if text(tool.get("type")) not in _UNITS]}
    return {**body, "max_turns": min(most, count(body.get("max_turns")) or most)}


def counted(usage: Document) -> dict[str, Count]:
    """The uses of tools that a usage counts, by their units."""
    units: dict[str, Count] = {}
    for calls, number in document(usage.get("server_side_tool_usage_details")).items():
        known = _UNITS.get(calls.removesuffix("_calls"), "")
        if known and count(number):
            units[known] = max(units.get(known, 0), count(number))
    return units


class SearchingReader(HiddenReasoningReader):
    """
    Chat completions that searched: the sources, and the uses of tools, stand beside the tokens.

    One that counts neither costs what was held for them. One that is fetched later is told by the
    id of its request, which is not the one of its answer.
    """

    @override
    def body(self, document: Document) -> None:
        """A whole completion, or the id under which it will be fetched."""
        super().body(document)
        if self.ask.deferred or self.ask.previous_id:
            self.response_id = self.ask.previous_id or text(document.get("request_id")) or None

    @override
    def usage_of(self, usage: Document) -> Usage:
        """The same with them."""
        units = counted(usage)
        if sources := count(usage.get("num_sources_used")):
            units["web_search"] = units.get("web_search", 0) + sources * SEARCHES_PER_SOURCE
        if not units and usage.keys().isdisjoint(_COUNTS):
            units = self.uncounted
        return replace(super().usage_of(usage), extras=units)


class ToolsReader(ResponsesReader):
    """Responses whose runs of code are billed by the run."""

    # Searches of X are shown as such calls, with a name of xAI's (`x_keyword_search`).
    clients_calls = CLIENTS_CALLS - {"custom_tool_call"}

    @override
    def units(self, response: Document) -> dict[str, Count]:
        """xAI's units in place of OpenAI's, and where no call is shown, as many as are counted."""
        units: dict[str, Count] = {}
        for unit, number in tool_units(response).items():
            name = _UNITS.get(unit, "web_search")
            units[name] = units.get(name, 0) + number
        for unit, number in counted(document(response.get("usage"))).items():
            units[unit] = max(units.get(unit, 0), number)
        return units
