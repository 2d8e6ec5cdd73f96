"""Anthropic's messages."""

from typing import Any

from fake_provider import tariff
from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document, Event
from fake_provider.generate import Choice, Order

STRETCH = (5, 4)


def order_of(document: Document, model: str) -> Order:
    """What the request asks for."""
    return Order(
        endpoint="messages",
        model=model,
        served=tariff.SERVED.get(model, model),
        input_tokens=input_tokens(document),
        limit=int(document["max_tokens"]),
        stream=bool(document.get("stream")),
    )


def input_tokens(document: Document) -> int:
    """What the model reads."""
    return count_input(
        document.get("system"),
        document.get("messages", []),
        document.get("tools"),
        stretch=STRETCH,
    )


class Messages:
    """One message, and the searches of the web that were made for it."""

    framing = "sse"

    def __init__(
        self,
        order: Order,
        record: Record,
        *,
        usage: bool,
        tools: list[Document] | None = None,
        searches: int = 0,
        search_every: int = 1,
    ) -> None:
        self._record = record
        self._usage = usage
        self._searches_left = _searches_allowed(tools or [], searches)
        self._search_every = search_every
        self._prompt_tokens = record.fresh
        self._made = 0
        self._index = 0  # of the text block that is open
        self._head: Document = {
            "id": f"msg_{record.number}",
            "type": "message",
            "role": "assistant",
            "model": order.served,
        }

    def opening(self) -> list[Event]:
        """The message, with the usage of its input, and its one text block."""
        message = {**self._head, "content": [], "stop_reason": None, "stop_sequence": None}
        message["usage"] = {**self._input_usage(), "output_tokens": 1} if self._usage else {}
        return [
            _event("message_start", message=message),
            self._opened({"type": "text", "text": ""}),
            _event("ping"),
        ]

    def token(self, choice: Choice, text: str) -> list[Event]:
        """A delta, behind a search where one is due."""
        del choice
        self._made += 1
        events = []
        if self._searches_left and self._made % self._search_every == 0:
            events = self._search()
        delta = {"type": "text_delta", "text": text}
        return [*events, _event("content_block_delta", index=self._index, delta=delta)]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """The block's end, the cumulative usage, the message's end."""
        usage = self._final_usage() if self._usage else {}
        delta = {"stop_reason": _stop(choices[0]), "stop_sequence": None}
        return [
            self._closed(),
            _event("message_delta", delta=delta, usage=usage),
            _event("message_stop"),
        ]

    def failure(self) -> list[Event]:
        """An error event."""
        return [_event("error", **{**error_body(529), "type": "error"})]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """A finished message."""
        while self._searches_left:
            self._search()
        usage = {**self._input_usage(), **self._final_usage()}
        return {
            **self._head,
            "content": [{"type": "text", "text": texts[0]}],
            "stop_reason": _stop(choices[0]),
            "stop_sequence": None,
            "usage": usage if self._usage else {},
        }

    def _search(self) -> list[Event]:
        """
        One search, on the bill before anybody sees it: all is read once more, and what it found.

        https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool, "Streaming"
        """
        record = self._record
        self._searches_left -= 1
        record.fresh += self._prompt_tokens + record.searches * tariff.SEARCH_RESULT_TOKENS
        record.searches += 1
        use = f"srvtoolu_{record.number}_{record.searches}"
        call = {"type": "server_tool_use", "id": use, "name": "web_search", "input": {}}
        found = {"type": "web_search_tool_result", "tool_use_id": use, "content": []}
        events = [self._closed()]
        for block in (call, found, {"type": "text", "text": ""}):
            self._index += 1
            events += [self._opened(block), self._closed()]
        return events[:-1]

    def _opened(self, block: Document) -> Event:
        return _event("content_block_start", index=self._index, content_block=block)

    def _closed(self) -> Event:
        return _event("content_block_stop", index=self._index)

    def _final_usage(self) -> Document:
        """What was written; where tools have worked, what was read for them too."""
        usage = {"output_tokens": self._record.output}
        if not self._record.searches:
            return usage
        used = {"web_search_requests": self._record.searches}
        return {**self._input_usage(), **usage, "server_tool_use": used}

    def _input_usage(self) -> Document:
        """Cache reads and writes come on top of `input_tokens` here."""
        return {
            "input_tokens": self._record.fresh,
            "cache_creation_input_tokens": self._record.written,
            "cache_read_input_tokens": self._record.cached,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self._record.written,
                "ephemeral_1h_input_tokens": 0,
            },
            "service_tier": "standard",
        }


def _searches_allowed(tools: list[Document], searches: int) -> int:
    """How many of these a request lets it make."""
    declared = [tool for tool in tools if str(tool.get("type", "")).startswith("web_search")]
    return (
        min([searches, *(tool.get("max_uses", searches) for tool in declared)]) if declared else 0
    )


def error_body(status: int) -> Document:
    """Anthropic's error shape."""
    kinds = {400: "invalid_request_error", 429: "rate_limit_error", 529: "overloaded_error"}
    message = f"The fake provider was told to answer {status}."
    error = {"type": kinds.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": "req_fake"}


def _event(kind: str, **fields: Any) -> Event:
    return Event({"type": kind, **fields}, kind)


def _stop(choice: Choice) -> str:
    return "max_tokens" if choice.cut_off else "end_turn"
