"""
DashScope's own format: what is read under `input`, how under `parameters`.

All of it says what OpenAI's formats say, so it is read as they are, with the two put together. A
stream is asked for in the head (`X-DashScope-SSE: enable`); each of its events has the usage so
far, and all of the text so far, unless `incremental_output` wants only what is new. The answer
does not name its model.
dashscope 2.0.2, `protocols/native.py` and `api_entities/dashscope_response.py`;
https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, override

from llmcap.providers.compatible import FREE, LATER, Route
from llmcap.providers.compatible_tools import searches_once, with_tools
from llmcap.providers.dashscope.modes import DashscopeReader, limits, with_modes
from llmcap.providers.openai.chat import read_chat
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.parts.reader import document, documents, text
from llmcap.providers.parts.rerank import RerankReader, read_rerank
from llmcap.providers.parts.routes import routes_to
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.streams.backlog import Marks
from llmcap.words.errors import FormatError

BASE = "/api/v1"
# What an event says of a choice that goes on.
_GOES_ON = (None, "", "null")


# --- requests -------------------------------------------------------------------------------


def flat(request: Request) -> Request:
    """
    The same with what it reads beside its parameters, as OpenAI's formats have them.

    Raises `FormatError` for work that is ordered for later: its answer is the name of a task.
    """
    if request.headers.get("x-dashscope-async", "").strip().lower() == "enable":
        raise FormatError("x-dashscope-async orders work whose cost nobody tells: leave it out")
    return request.changed(document=_flat(request.document()))


def _flat(body: Document) -> Document:
    asked = document(body.get("input"))
    found = {**document(body.get("parameters")), **asked, "model": body.get("model")}
    if "messages" not in asked and "prompt" in asked:
        said = [asked.get("history"), asked["prompt"]]
        found["messages"] = [{"role": "user", "content": each} for each in _said(said)]
    return found


def _said(value: Any) -> Iterator[str]:
    """The texts of a prompt and of the turns before it: `{user, bot}` each."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _said(each)


_read_flat = with_tools(with_modes(partial(read_chat, limits=limits)), searches_once)


def read_generation(request: Request) -> Ask:
    """What a request to generate asks for, from text or with pictures, films and sound."""
    inner = flat(request)
    streams = request.headers.get("x-dashscope-sse", "").strip().lower() == "enable"
    streams = streams or "event-stream" in request.headers.get("accept", "")
    parameters = document(request.document().get("parameters"))
    return replace(
        _read_flat(inner),
        stream=streams,
        usage_wanted=True,
        repeats=parameters.get("incremental_output") is not True,
    )


def limit_generation(body: Document, limit: int) -> Document | None:
    """The same request with this limit."""
    lowered = limits(_flat(body)).lower(
        {**document(body.get("parameters")), "model": body.get("model")}, limit
    )
    if lowered is None:
        return None
    return {**body, "parameters": {key: lowered[key] for key in lowered if key != "model"}}


def read_native_embeddings(request: Request) -> Ask:
    """What a request for embeddings asks for: `texts`, or `contents` of several kinds."""
    inner = flat(request)
    asked = inner.document()
    given = asked.get("texts", asked.get("contents"))
    ask = read_embeddings(inner)
    return replace(ask, prompts=max(len(given), 1) if isinstance(given, list) else 1)


def read_native_rerank(request: Request) -> Ask:
    """What a request to rank documents asks for."""
    return read_rerank(flat(request))


# --- answers --------------------------------------------------------------------------------


class GenerationReader(DashscopeReader):
    """An answer as a chat completion: whole, or an event with all that there is so far."""

    telling = Marks(b'"output"', b'"code"')

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._shown: dict[tuple[int, str], int] = {}

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream."""
        super().event(self._chat(event, "delta"), name)

    @override
    def body(self, document: Document) -> None:
        """A whole answer."""
        super().body(self._chat(document, "message"))

    def _chat(self, told: Document, part: str) -> Document:
        """The same in the words of a chat completion."""
        output = document(told.get("output"))
        choices = documents(output.get("choices"))
        if not choices and "text" in output:
            said = {"content": output["text"]}
            choices = [{"finish_reason": output.get("finish_reason"), "message": said}]
        found: Document = {
            "id": told.get("request_id"),
            "choices": [self._choice(each, place, part) for place, each in enumerate(choices)],
        }
        if usage := document(told.get("usage")):
            found["usage"] = _usage(usage)
        if code := text(told.get("code")):
            found["error"] = {"code": code}
        return found

    def _choice(self, choice: Document, place: int, part: str) -> Document:
        index = choice.get("index", place)
        ended = choice.get("finish_reason")
        message = document(choice.get("message"))
        return {
            "index": index,
            "finish_reason": None if ended in _GOES_ON else ended,
            part: {name: self._new(index, name, value) for name, value in message.items()},
        }

    def _new(self, index: Any, name: str, value: Any) -> Any:
        """What of it was not shown before, where each event repeats that."""
        if isinstance(value, list) and name == "content":
            value = "".join(text(each.get("text")) for each in documents(value))
        if not (self.ask.repeats and isinstance(value, str)):
            return value
        shown = self._shown.get((index, name), 0)
        self._shown[index, name] = max(shown, len(value))
        return value[shown:]


def _usage(usage: Document) -> Document:
    """The same in the words of a chat completion."""
    names = {
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "output_tokens_details": "completion_tokens_details",
    }
    return {names.get(name, name): value for name, value in usage.items()}


class NativeEmbeddingsReader(EmbeddingsReader):
    """Embeddings: the total, or what was read of texts and pictures."""

    @override
    def body(self, document: Document) -> None:
        """The whole answer."""
        super().body(_told(document))


class NativeRerankReader(RerankReader):
    """Rankings: the total."""

    @override
    def body(self, document: Document) -> None:
        """The whole answer."""
        super().body(_told(document))


def _told(answer: Document) -> Document:
    """An answer without its `output` around it."""
    usage = document(answer.get("usage"))
    found = {**document(answer.get("output")), "usage": _usage(usage), "model": None}
    code = text(answer.get("code"))
    return {**found, "error": {"code": code}} if code else found


# --- the API --------------------------------------------------------------------------------

GENERATION = Endpoint(
    name="generation",
    fields="dashscopeGeneration",
    read=read_generation,
    reader=GenerationReader,
    limit=limit_generation,
    dialect="dashscope",
)
EMBEDDINGS = Endpoint(
    name="embeddings",
    fields="dashscopeEmbeddings",
    read=read_native_embeddings,
    reader=NativeEmbeddingsReader,
    dialect="dashscope",
)
RERANK = Endpoint(
    name="rerank",
    fields="dashscopeRerank",
    read=read_native_rerank,
    reader=NativeRerankReader,
    dialect="dashscope",
)
_FREE = replace(FREE, dialect="dashscope")
_MADE_LATER = replace(
    LATER,
    dialect="dashscope",
    advice="Pictures, films, speech and transcripts are made later, and told by their tasks.",
)
_HIDDEN = replace(
    LATER, dialect="dashscope", advice="An application hides its models: call a model by its name."
)

_SERVICES = f"{BASE}/services"
ROUTES: tuple[Route, ...] = (
    *routes_to(
        GENERATION,
        "POST",
        f"{_SERVICES}/aigc/text-generation/generation",
        f"{_SERVICES}/aigc/multimodal-generation/generation",
    ),
    *routes_to(
        EMBEDDINGS,
        "POST",
        f"{_SERVICES}/embeddings/text-embedding/text-embedding",
        f"{_SERVICES}/embeddings/multimodal-embedding/multimodal-embedding",
    ),
    ("POST", f"{_SERVICES}/rerank/text-rerank/text-rerank", RERANK),
    ("POST", f"{BASE}/tokenizer", _FREE),
    ("POST", f"{_SERVICES}/**", _MADE_LATER),
    ("POST", f"{BASE}/apps/**", _HIDDEN),
    ("GET", "/api-ws/**", _MADE_LATER),
    ("GET|DELETE", f"{BASE}/**", _FREE),
)
