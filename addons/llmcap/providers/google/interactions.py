"""
The wire format of Google's Interactions API.

Usage is whole in the body, or in the stream's `interaction.completed`. Thoughts and what tools read
come on top of output and input. An interaction in the background has no usage yet; a later GET has.
https://ai.google.dev/gemini-api/docs/interactions
"""

from collections.abc import Mapping
from typing import override

from llmcap.pricing.terms import TIER
from llmcap.providers.google.generate import SOUNDING, bills_queries
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.offered import listed
from llmcap.providers.parts.reader import BaseReader, count, document, documents, limit_in, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.providers.parts.tiers import tier
from llmcap.words.records import Count, Usage

_SEARCHES = {"google_search": "web_search", "google_maps": "maps_search"}
_UNPRICED = ("code_execution", "url_context", "file_search", "mcp_server", "computer_use")


def read_interaction(request: Request) -> Ask:
    """What a request to create an interaction asks for. An agent stands where the model would."""
    body = request.document()
    content = measure(request)
    config = document(body.get("generation_config"))
    model = text(body.get("model")) or text(body.get("agent"))
    tools = _hosted(body, model)
    previous = text(body.get("previous_interaction_id"))
    return Ask(
        model=model,
        stream=body.get("stream") is True,
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=limit_in(config.get("max_output_tokens")) or None,
        loops=tools.loops,
        extra_input=tools.result_tokens,
        sound=any(media.kind in SOUNDING for media in content.media),
        remote_input=bool(previous),
        remote=(
            *(("the agent that it names",) if body.get("agent") else ()),
            *hosted.results_of(text(tool.get("type")) for tool in listed(body.get("tools"))),
        ),
        previous_id=previous or None,
        terms=tier(body.get("service_tier")),
        fees=tools.fees,
        deferred=body.get("background") is True,
    )


def read_stored(request: Request) -> Ask:
    """What a GET of an interaction asks for: the usage of an earlier call."""
    return Ask(model="", stream=request.query.get("stream") == "true", generates=False)


def limit_interaction(body: Document, limit: int) -> Document | None:
    """The same request with this limit."""
    if limit < 1:
        return None
    config = document(body.get("generation_config"))
    return {**body, "generation_config": {**config, "max_output_tokens": limit}}


def _hosted(body: Document, model: str) -> hosted.Hosted:
    fees: dict[str, int] = {}
    unpriced = 0
    for tool in listed(body.get("tools")):
        kind = text(tool.get("type"))
        if kind in _SEARCHES:
            fees[_SEARCHES[kind]] = hosted.USES_DEFAULT if bills_queries(model) else 1
        elif kind in _UNPRICED:
            unpriced = hosted.USES_DEFAULT
    if not fees and not unpriced:
        return hosted.NONE
    results = hosted.USES_DEFAULT * hosted.RESULT_TOKENS
    return hosted.Hosted(fees, loops=1, result_tokens=results)


class InteractionReader(BaseReader):
    """An interaction, whole or streamed, the call's own or one fetched later."""

    tells_terms = frozenset((TIER,))

    @override
    def head(self, headers: Mapping[str, str]) -> None:
        """Where the tier is told too."""
        self.terms = tier(headers.get("x-gemini-service-tier"))

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream."""
        kind = text(event.get("event_type")) or name
        if kind in ("step.delta", "content.delta"):
            delta = document(event.get("delta"))
            self.see(delta.get("text"))
            self.see_json(delta.get("arguments"))
        elif kind.startswith("interaction."):
            self.body(document(event.get("interaction")))
        elif kind == "error":
            self.fail(event.get("error"))

    def body(self, document: Document) -> None:
        """A whole interaction; without usage it is not finished."""
        self.model = text(document.get("model")) or self.model
        self.response_id = text(document.get("id")) or self.response_id
        self.terms = tier(document.get("service_tier")) or self.terms
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if isinstance(usage, dict) and usage.get("total_tokens"):
            self.charge(interaction_usage(usage, self.served_model))
            self.complete = True
        elif document.get("status") == "in_progress" and not self.ask.stream:
            self.deferred = True


def interaction_usage(usage: Document, model: str) -> Usage:
    """What the usage of an interaction means."""
    prompt = count(usage.get("total_input_tokens"))
    tools = count(usage.get("total_tool_use_tokens"))
    thoughts = count(usage.get("total_thought_tokens"))
    written = count(usage.get("total_output_tokens"))
    read = _by_modality(usage, "input_tokens_by_modality")
    shown = _by_modality(usage, "output_tokens_by_modality")
    cached = _by_modality(usage, "cached_tokens_by_modality")
    return Usage(
        input_tokens=prompt + tools,
        output_tokens=max(count(usage.get("total_tokens")) - prompt - tools, written + thoughts),
        cache_read=count(usage.get("total_cached_tokens")),
        input_audio=read.get("audio", 0),
        input_image=read.get("image", 0),
        input_video=read.get("video", 0),
        cache_read_audio=cached.get("audio", 0),
        cache_read_image=cached.get("image", 0),
        cache_read_video=cached.get("video", 0),
        reasoning=thoughts,
        output_audio=shown.get("audio", 0),
        output_image=shown.get("image", 0),
        output_video=shown.get("video", 0),
        extras=_searches(usage, model),
    )


def _searches(usage: Document, model: str) -> Mapping[str, Count]:
    units: dict[str, Count] = {}
    for tool in documents(usage.get("grounding_tool_count")):
        unit = _SEARCHES.get(text(tool.get("type")))
        if unit and (uses := count(tool.get("count"))):
            units[unit] = uses if bills_queries(model) else 1
    return units


def _by_modality(usage: Document, key: str) -> dict[str, int]:
    return {
        text(each.get("modality")).lower(): count(each.get("tokens"))
        for each in documents(usage.get(key))
    }
