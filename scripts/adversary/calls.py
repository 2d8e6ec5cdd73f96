"""One call as an adversary plans it, and its bytes in each API."""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

TEXT = "a tool that nobody can change asks a model for some words about money and time"
WORDS = TEXT.split()

KEYS = {
    "api.openai.com": {"authorization": "Bearer sk-adversary"},
    "api.anthropic.com": {
        "x-api-key": "sk-ant-adversary",
        "anthropic-version": "2023-06-01",
    },
    "generativelanguage.googleapis.com": {"x-goog-api-key": "adversary"},
    "api.x.ai": {"authorization": "Bearer xai-adversary"},
}


@dataclass(frozen=True, slots=True)
class Leave:
    """When the client goes away: after so many seconds, or after so many pieces of the body."""

    after_seconds: float | None = None
    after_pieces: int | None = None
    rudely: bool = False  # a TCP reset instead of an orderly close
    once: Callable[[], Awaitable[None]] | None = None  # and not before this has happened


@dataclass(frozen=True, slots=True)
class Plan:
    """
    One call. `behaviour` is what the provider is told to do with it (see `fake_provider.scenario`).

    `asks_usage` is whether a stream of chat completions asks for its usage; LLMCap must ask for the
    client that does not.
    """

    api: str = "chat"  # chat | responses | messages | gemini | xai
    model: str = ""  # the API's own default
    stream: bool = False
    max_tokens: int | None = None
    words: int = 12  # of the prompt
    choices: int = 1
    asks_usage: bool = True
    behaviour: dict[str, Any] = field(default_factory=dict)
    leave: Leave | None = None
    http2: bool = False
    searches: bool = False  # declares a search of the web
    background: bool = False  # of the Responses API: the answer is fetched later, or never
    fetches: bool = True
    stored: str = ""  # the id of the background answer that this call fetches

    @property
    def host(self) -> str:
        """Whom the client means to talk to."""
        return APIS[self.api].host

    @property
    def last_words(self) -> tuple[bytes, ...]:
        """What is in the last bytes of a stream that came to its own end: one of these."""
        return APIS[self.api].last_words

    def path(self) -> str:
        """Its path and query."""
        path, _ = APIS[self.api].ask(self)
        return path

    def body(self) -> bytes:
        """Its JSON body."""
        _, document = APIS[self.api].ask(self)
        return json.dumps(document).encode()

    def headers(self) -> dict[str, str]:
        """All headers but those of the framing."""
        headers = {"content-type": "application/json", "user-agent": "adversary/1"}
        if self.behaviour:
            headers["x-fake-scenario"] = json.dumps(self.behaviour)
        return headers | KEYS[self.host]

    def request(self) -> bytes:
        """The whole HTTP/1.1 request."""
        if self.stored:
            lines = [f"{name}: {value}" for name, value in self.headers().items()]
            head = [f"GET /v1/responses/{self.stored} HTTP/1.1", f"host: {self.host}", *lines]
            return "\r\n".join([*head, "", ""]).encode()
        body = self.body()
        framing = {"host": self.host, "content-length": str(len(body))}
        lines = [f"{name}: {value}" for name, value in (framing | self.headers()).items()]
        return "\r\n".join([f"POST {self.path()} HTTP/1.1", *lines, "", ""]).encode() + body


def prompt(words: int) -> str:
    """A text of that many words, the same each time."""
    return " ".join(WORDS[index % len(WORDS)] for index in range(words))


# --- the APIs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Api:
    """How one API is asked, and how its streams end."""

    host: str
    ask: Callable[[Plan], tuple[str, dict[str, Any]]]
    last_words: tuple[bytes, ...]


def _chat(plan: Plan) -> tuple[str, dict[str, Any]]:
    document: dict[str, Any] = {
        "model": plan.model or "gpt-4o-mini",
        "messages": [{"role": "user", "content": prompt(plan.words)}],
    }
    if plan.max_tokens is not None:
        document["max_completion_tokens"] = plan.max_tokens
    if plan.choices > 1:
        document["n"] = plan.choices
    if plan.stream:
        document["stream"] = True
        if plan.asks_usage:
            document["stream_options"] = {"include_usage": True}
    return "/v1/chat/completions", document


def _responses(plan: Plan) -> tuple[str, dict[str, Any]]:
    document: dict[str, Any] = {
        "model": plan.model or "gpt-4o-mini",
        "input": prompt(plan.words),
        "stream": plan.stream,
    }
    if plan.max_tokens is not None:
        document["max_output_tokens"] = plan.max_tokens
    if plan.searches:
        document["tools"] = [{"type": "web_search"}]
    if plan.background:
        document["background"] = True
    return "/v1/responses", document


def _xai(plan: Plan) -> tuple[str, dict[str, Any]]:
    path, document = _responses(replace(plan, model=plan.model or "grok-4-1-fast-non-reasoning"))
    return path, document | {"reasoning": {"effort": "none"}}


def _messages(plan: Plan) -> tuple[str, dict[str, Any]]:
    document = {
        "model": plan.model or "claude-haiku-4-5",
        # There is no Anthropic request without a limit: what stands for none is the model's own.
        "max_tokens": 64_000 if plan.max_tokens is None else plan.max_tokens,
        "messages": [{"role": "user", "content": prompt(plan.words)}],
        "stream": plan.stream,
    }
    if plan.searches:
        document["tools"] = [{"type": "web_search_20250305", "name": "web_search"}]
    return "/v1/messages", document


def _gemini(plan: Plan) -> tuple[str, dict[str, Any]]:
    config: dict[str, Any] = {}
    if plan.max_tokens is not None:
        config["maxOutputTokens"] = plan.max_tokens
    if plan.choices > 1:
        config["candidateCount"] = plan.choices
    contents = [{"role": "user", "parts": [{"text": prompt(plan.words)}]}]
    operation = "streamGenerateContent?alt=sse" if plan.stream else "generateContent"
    path = f"/v1beta/models/{plan.model or 'gemini-2.5-flash'}:{operation}"
    return path, {"contents": contents, "generationConfig": config}


APIS = {
    "chat": Api("api.openai.com", _chat, (b"[DONE]",)),
    "responses": Api("api.openai.com", _responses, (b"response.completed", b"response.incomplete")),
    "xai": Api("api.x.ai", _xai, (b"response.completed", b"response.incomplete")),
    "messages": Api("api.anthropic.com", _messages, (b"message_stop",)),
    "gemini": Api("generativelanguage.googleapis.com", _gemini, (b"finishReason",)),
}


# --- mixtures -------------------------------------------------------------------------------

Mix = Callable[[random.Random], Plan]


def always(plan: Plan) -> Mix:
    """The same call again and again."""
    return lambda _rng: plan


def one_of(*plans: Plan) -> Mix:
    """Any of these, with equal chances."""
    return lambda rng: rng.choice(plans)
