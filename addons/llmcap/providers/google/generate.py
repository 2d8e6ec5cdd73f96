"""
The wire format of Google's generateContent, at the Gemini API and at Vertex AI.

Usage (`usageMetadata`) is in nearly every chunk of a stream: cumulative, not always growing, and
the last one counts. `promptTokenCount` holds the cached tokens; what tools added to the prompt
and the thoughts come on top of prompt and candidates. Some answers leave the candidates out, and
some totals leave out a part, so the output is the larger of both. Enums may be integers.
https://ai.google.dev/api/generate-content#UsageMetadata
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, override

from llmcap.pricing.terms import TIER
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.offered import listed
from llmcap.providers.parts.reader import (
    BaseReader,
    count,
    document,
    documents,
    limit_in,
    text,
    times,
)
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.providers.parts.tags import tagged
from llmcap.providers.parts.tiers import tier
from llmcap.words.records import Count, Usage

# google.ai.generativelanguage.v1beta.Modality: with `enum-encoding=int` these are numbers.
_MODALITIES = {1: "TEXT", 2: "IMAGE", 3: "VIDEO", 4: "AUDIO", 5: "DOCUMENT"}
_TIERS = ("serviceTier", "service_tier")
_CONFIGS = ("generationConfig", "generation_config")
_LIMITS = ("maxOutputTokens", "max_output_tokens")
_THINKING = ("thinkingConfig", "thinking_config")
# Media that have a sound track.
SOUNDING = ("audio", "video", "file", "unknown")
# Tools that search, and the units of their fees.
_SEARCHES = {
    "googlesearch": "web_search", "googlesearchretrieval": "web_search",
    "enterprisewebsearch": "enterprise_search", "googlemaps": "maps_search",
}  # fmt: skip
# The most that any model demands as least thinking budget (Gemini 2.5 Flash-Lite: 512).
_BUDGET_MIN = 512
_BUDGETS = ("thinkingBudget", "thinking_budget")


# --- request --------------------------------------------------------------------------------


def model_in(path: str) -> str:
    """The model that a path names: its last segment, without the verb."""
    name = path.rstrip("/").rpartition("/")[2]
    return name.partition(":")[0]


def read_generate(request: Request) -> Ask:
    """What a generateContent request asks for."""
    return generate_ask(
        request,
        request.document(),
        model=model_in(request.path),
        stream="streamgenerate" in request.path.lower(),
    )


def generate_ask(request: Request, body: Document, *, model: str, stream: bool) -> Ask:
    """The same for the request object `body`, wherever it is in the request."""
    content = measure(request)
    config = document(_first(body, _CONFIGS))
    limit = limit_in(_first(config, _LIMITS))
    thinking = document(_first(config, _THINKING))
    tools = hosted_in(body, model)
    candidates = times(_first(config, ("candidateCount", "candidate_count")))
    cached = text(_first(body, ("cachedContent", "cached_content")))
    return Ask(
        model=model,
        stream=stream,
        text_bytes=content.text_bytes,
        media=content.media,
        tools="tools" in body,
        output_limit=limit or None,
        choices=max(candidates, 1),
        loops=tools.loops,
        extra_input=tools.result_tokens,
        sound=_sounds(config) or any(media.kind in SOUNDING for media in content.media),
        remote_input=bool(cached),
        remote=hosted.results_of(kinds_in(body)),
        previous_id=cached or None,
        terms=tier(_first(body, _TIERS)),
        fees=tools.fees,
        hidden_work=_first(thinking, _BUDGETS) != 0,
        attributes=tagged(document(body.get("labels"))),
    )


def limit_generate(body: Document, limit: int) -> Document | None:
    """
    The same request with this limit, in the spelling that it uses.

    Thinking counts within the limit. So a budget above it is lowered, and half of the limit stays
    for the answer, as far as the least budget of all models allows; the API takes a larger one
    too.
    """
    if limit < 1:
        return None
    config_key = _present(body, _CONFIGS)
    config = dict(document(body.get(config_key)))
    snake = config_key == _CONFIGS[1] or _LIMITS[1] in config
    limit_key = _LIMITS[0] if _LIMITS[0] in config or not snake else _LIMITS[1]
    config[limit_key] = limit
    thinking_key = _present(config, _THINKING)
    thinking = document(config.get(thinking_key))
    budget_key = _present(thinking, _BUDGETS)
    budget = thinking.get(budget_key)
    if isinstance(budget, int) and budget >= limit and limit // 2 >= _BUDGET_MIN:
        config[thinking_key] = {**thinking, budget_key: limit // 2}
    return {**body, config_key: config}


def kinds_in(body: Document) -> Iterator[str]:
    """The tools of Google's that a request names, in one spelling."""
    for tool in listed(body.get("tools")):
        yield from (name.replace("_", "").lower() for name in tool)


def hosted_in(body: Document, model: str) -> hosted.Hosted:
    """Searches have a fee, per call or per query; code and pages are only read."""
    fees: dict[str, int] = {}
    unpriced = 0
    for kind in kinds_in(body):
        if kind in _SEARCHES:
            fees[_SEARCHES[kind]] = hosted.USES_DEFAULT if bills_queries(model) else 1
        elif kind in ("codeexecution", "urlcontext", "filesearch", "mcpservers"):
            unpriced = hosted.USES_DEFAULT
        elif kind == "retrieval":
            fees["own_search"] = 1
    if not fees and not unpriced:
        return hosted.NONE
    # Google counts all that its tools read once, as `toolUsePromptTokenCount`, not once per round.
    results = hosted.USES_DEFAULT * hosted.RESULT_TOKENS
    return hosted.Hosted(fees=fees, loops=1, result_tokens=results)


def _sounds(config: Document) -> bool:
    modalities = _first(config, ("responseModalities", "response_modalities"))
    return isinstance(modalities, list) and any(each in ("AUDIO", 3) for each in modalities)


# --- response -------------------------------------------------------------------------------


class GenerateReader(BaseReader):
    """An answer of generateContent, whole or streamed."""

    tells_terms = frozenset((TIER,))

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._usage: Document = {}
        self._queries: set[str] = set()
        self._unnamed_queries = 0
        self._grounded = False
        self._sources: set[str] = set()  # the kinds of what it has found
        self._blocked = False
        self._made: set[str] = set()  # the media that it has made: image, audio

    @override
    def head(self, headers: Mapping[str, str]) -> None:
        """A call that was asked to have priority may be served without, and the head says so."""
        self.terms = tier(headers.get("x-gemini-service-tier"))

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One chunk; each is an answer of its own shape."""
        self.body(event)

    def body(self, document: Document) -> None:
        """A whole answer, or one chunk of it."""
        if "response" in document and isinstance(document["response"], dict):
            document = document["response"]  # Code Assist wraps it
        self.model = text(document.get("modelVersion")) or self.model
        self.response_id = text(document.get("responseId")) or self.response_id
        if document.get("error"):
            self.fail(document["error"])
        for candidate in documents(document.get("candidates")):
            self._candidate(candidate)
        if _dict(document.get("promptFeedback")).get("blockReason"):
            self._blocked = True  # and no candidate will come
        usage = document.get("usageMetadata") or document.get("usage_metadata")
        if isinstance(usage, dict) and usage:
            self._usage = usage
        told = tier(_first(document, _TIERS))
        self.terms = served_tier(self._usage) or told or self.terms
        if self._usage:
            self.charge(self._with_untold(generate_usage(self._usage, self._extras())))
            ended = self._blocked or self.all_stopped or not self.ask.stream
            self.complete = self.complete or ended

    def _candidate(self, candidate: Document) -> None:
        for part in documents(_dict(candidate.get("content")).get("parts")):
            self.see(part.get("text"))
            call = _dict(part.get("functionCall"))
            self.see_call(call.get("name"))
            self.see_json(call.get("args"))
            self.see(_dict(part.get("executableCode")).get("code"))
            # 64 characters of base64 are fewer than those of one token of sound or image.
            inline = _dict(part.get("inlineData"))
            data = inline.get("data")
            self.visible_bytes += len(data) // 64 if isinstance(data, str) else 0
            if kind := text(inline.get("mimeType")).partition("/")[0]:
                self._made.add(kind)
        if candidate.get("finishReason"):
            self.stopped.add(count(candidate.get("index")))
        grounding = _dict(candidate.get("groundingMetadata"))
        queries = grounding.get("webSearchQueries")
        if isinstance(queries, list) and queries:
            self._grounded = True
            self._queries.update(query for query in queries if isinstance(query, str) and query)
        for chunk in documents(grounding.get("groundingChunks")):
            self._sources |= chunk.keys()
        # What a search has found shows it too.
        self._grounded |= "web" in self._sources or bool(grounding.get("searchEntryPoint"))

    def _with_untold(self, usage: Usage) -> Usage:
        """The same where nothing tells of which medium its tokens are: all are of the dearest."""
        written = usage.output_tokens - usage.reasoning
        if self._made and not any(self._usage.get(name) for name in _WRITTEN_DETAILS):
            usage = replace(
                usage,
                output_image=written if "image" in self._made else 0,
                output_audio=written if "audio" in self._made else 0,
            )
        heard = any(media.kind in ("audio", "video") for media in self.ask.media)
        if heard and not any(self._usage.get(name) for name in _READ_DETAILS):
            usage = replace(usage, input_audio=usage.input_tokens)
        return usage

    def _extras(self) -> Mapping[str, Count]:
        units: dict[str, Count] = {}
        if self._grounded:
            dearest = "enterprise_search" if "enterprise_search" in self.ask.fees else "web_search"
            queries = max(len(self._queries), 1)
            units[dearest] = queries if bills_queries(self.served_model) else 1
        if "maps" in self._sources:
            units["maps_search"] = 1
        if "retrievedContext" in self._sources and "own_search" in self.ask.fees:
            units["own_search"] = 1
        return units


def bills_queries(model: str) -> bool:
    """
    Whether searches are billed by the query (Gemini 3 and later) or by the grounded call (before).

    https://ai.google.dev/gemini-api/docs/pricing, "Grounding with Google Search"
    """
    return not model.startswith(("gemini-1", "gemini-2"))


# Where the tokens are told by their medium; the Live API has names of its own.
_READ_DETAILS = ("promptTokensDetails", "promptTokenDetails")
_WRITTEN_DETAILS = ("candidatesTokensDetails", "responseTokensDetails")


def generate_usage(usage: Document, extras: Mapping[str, Count] = {}) -> Usage:
    """What a `usageMetadata` means."""
    read = _by_modality(_first(usage, _READ_DETAILS))
    used = _by_modality(usage.get("toolUsePromptTokensDetails"))
    cached = _by_modality(usage.get("cacheTokensDetails"))
    written = _by_modality(_first(usage, _WRITTEN_DETAILS))
    # A total that leaves out its parts is not believed: these are what is billed.
    prompt = max(count(usage.get("promptTokenCount")), sum(read.values()))
    tools = max(count(usage.get("toolUsePromptTokenCount")), sum(used.values()))
    thoughts = count(usage.get("thoughtsTokenCount"))
    total = count(usage.get("totalTokenCount"))
    if "responseTokenCount" in usage and total:
        # The Live API's name: in recordings of it the thoughts are within what the total has.
        parts = count(usage.get("responseTokenCount"))
    else:
        response = count(usage.get("responseTokenCount"))
        parts = max(count(usage.get("candidatesTokenCount")), response, sum(written.values()))
        parts += thoughts
    output = max(total - prompt - tools, parts)
    return Usage(
        input_tokens=prompt + tools,
        output_tokens=output,
        cache_read=count(usage.get("cachedContentTokenCount")),
        input_audio=read.get("AUDIO", 0) + used.get("AUDIO", 0),
        input_image=read.get("IMAGE", 0) + used.get("IMAGE", 0),
        input_video=read.get("VIDEO", 0) + used.get("VIDEO", 0),
        cache_read_audio=cached.get("AUDIO", 0),
        cache_read_image=cached.get("IMAGE", 0),
        cache_read_video=cached.get("VIDEO", 0),
        reasoning=thoughts,
        output_audio=written.get("AUDIO", 0),
        output_image=written.get("IMAGE", 0),
        output_video=written.get("VIDEO", 0),
        extras=extras,
    )


def served_tier(usage: Document) -> tuple[str, ...]:
    """The tier that a usage says it was served under: of the Gemini API, or of Vertex AI."""
    return tier(_first(usage, _TIERS)) or tier(_first(usage, ("trafficType", "traffic_type")))


def _by_modality(details: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for detail in documents(details):
        modality = detail.get("modality")
        name = _MODALITIES.get(modality, "") if isinstance(modality, int) else text(modality)
        counts[name] = counts.get(name, 0) + count(detail.get("tokenCount"))
    return counts


def _first(body: Document, names: tuple[str, ...]) -> Any:
    """The value under the first of the names that is there."""
    for name in names:
        if (value := body.get(name)) is not None:
            return value
    return None


def _present(body: Document, names: tuple[str, ...]) -> str:
    """The first of the names that is there, else the first."""
    return next((name for name in names if name in body), names[0])


_dict = document
