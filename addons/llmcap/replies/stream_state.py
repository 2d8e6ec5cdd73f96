"""
What is open in a stream when it is cut: enough to end it in the words of its own API.

A watch is told the events that the client was given, in order. Only Anthropic's Messages and
OpenAI's Responses need one: their clients want either a graceful end or the stream's own counters.
Events that change nothing are not even parsed. OpenAI's closing events repeat the text of the open
block, so it is kept in memory while it is open, bounded, and never longer.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Document = dict[str, Any]

# What is kept of one stream to close it; an answer beyond that is ended with the error event.
KEPT_BYTES_MAX = 4 * 2**20

# Output items that run at the provider, or not at all: closing an answer after one starts nothing.
_HARMLESS_ITEMS = frozenset(
    {"message", "reasoning", "web_search_call", "file_search_call", "image_generation_call"}
)


@dataclass(frozen=True, slots=True)
class OpenText:
    """A text block that has begun and not ended."""

    index: int  # Anthropic: of the content block; OpenAI: `output_index`
    content_index: int = 0
    text: str = ""
    item: Mapping[str, Any] = field(default_factory=dict)  # the message it is in, as announced
    parts: tuple[Document, ...] = ()  # its whole content parts


@dataclass(frozen=True, slots=True)
class StreamState:
    """
    What a stream has told so far.

    `open_text` is set only while the stream can be closed as if the answer ended there: a text
    block is open, and no call of a client's tool was begun.
    """

    open_text: OpenText | None = None
    output_tokens: int = 0  # as Anthropic told them last
    sequence_number: int = -1  # of OpenAI's last event
    response: Mapping[str, Any] = field(default_factory=dict)  # as OpenAI announced it
    items: tuple[Document, ...] = ()  # its whole output items


class Watch(Protocol):
    """Follows one stream."""

    @property
    def state(self) -> StreamState:
        """What is open now."""
        ...

    def event(self, name: str, data: bytes) -> None:
        """One event that the client was given: its SSE name and its undecoded JSON."""
        ...


class AnthropicWatch:
    """
    The Messages API: blocks by index, one open at a time.

    https://platform.claude.com/docs/en/build-with-claude/streaming
    """

    __slots__ = ("_open", "_output_tokens", "_tools")

    def __init__(self) -> None:
        self._open: int | None = None
        self._tools = False
        self._output_tokens = 0

    @property
    def state(self) -> StreamState:
        """The open text block, if that can be closed, and the tokens told."""
        closable = self._open is not None and not self._tools
        return StreamState(
            open_text=OpenText(self._open or 0) if closable else None,
            output_tokens=self._output_tokens,
        )

    def event(self, name: str, data: bytes) -> None:
        """Follow the blocks; what only carries text is not parsed."""
        if name in ("content_block_delta", "ping"):
            return
        event = _parse(data)
        kind = event.get("type", name)
        if kind == "content_block_start":
            block = _mapping(event.get("content_block"))
            self._open = _count(event.get("index")) if block.get("type") == "text" else None
            self._tools = self._tools or block.get("type") in ("tool_use", "mcp_tool_use")
        elif kind in ("content_block_stop", "message_stop", "error"):
            self._open = None
        usage = _mapping(event.get("usage") or _mapping(event.get("message")).get("usage"))
        self._output_tokens = _count(usage.get("output_tokens"), self._output_tokens)


class ResponsesWatch:
    """
    The Responses API: items in a response, parts in a message, counted events.

    https://platform.openai.com/docs/api-reference/responses-streaming. With `closing` unset, what
    only a graceful end needs is not kept.
    """

    __slots__ = (
        "_closing", "_deltas", "_item", "_items", "_kept_bytes", "_last", "_open", "_parts",
        "_response", "_tools",
    )  # fmt: skip

    def __init__(self, *, closing: bool = True) -> None:
        self._closing = closing
        self._response: Mapping[str, Any] = {}
        self._item: Mapping[str, Any] = {}
        self._items: list[Document] = []
        self._parts: list[Document] = []
        self._deltas: list[bytes] = []
        self._open: tuple[int, int] | None = None
        self._tools = False
        self._kept_bytes = 0
        self._last = b"{}"

    @property
    def state(self) -> StreamState:
        """The open text with all that its closing events repeat."""
        return StreamState(
            open_text=self._open_text(),
            sequence_number=_count(_parse(self._last).get("sequence_number"), -1),
            response=self._response,
            items=tuple(self._items),
        )

    def event(self, name: str, data: bytes) -> None:
        """Follow items and parts; text is kept undecoded until it is asked for."""
        self._last = data
        if name == "response.output_text.delta":
            self._keep(data)
            return
        if name in ("response.created", "response.in_progress", "response.queued"):
            self._response = _mapping(_parse(data).get("response"))
        elif name.startswith(("response.output_item.", "response.content_part.")) and self._closing:
            self._structure(name, _parse(data), len(data))
        elif not name.startswith("response.output_text."):
            # Whatever else is being written (a call's arguments, a refusal) is no text to go on.
            self._open = None

    def _keep(self, delta: bytes) -> None:
        if self._open is not None:
            self._kept_bytes += len(delta)
            if self._kept_bytes > KEPT_BYTES_MAX:
                self._forget()
            else:
                self._deltas.append(delta)

    def _structure(self, name: str, event: Document, size: int) -> None:
        self._open = None
        self._deltas = []
        if name == "response.output_item.added":
            self._item = _mapping(event.get("item"))
            self._parts = []
            self._tools = self._tools or self._item.get("type") not in _HARMLESS_ITEMS
        elif name == "response.output_item.done":
            self._items.append(dict(_mapping(event.get("item"))))
            self._kept_bytes += size
        elif name == "response.content_part.done":
            self._parts.append(dict(_mapping(event.get("part"))))
            self._kept_bytes += size
        elif _mapping(event.get("part")).get("type") == "output_text":
            self._open = (_count(event.get("output_index")), _count(event.get("content_index")))
        if self._kept_bytes > KEPT_BYTES_MAX:
            self._forget()

    def _forget(self) -> None:
        self._closing = False
        self._open = None
        self._deltas, self._items, self._parts = [], [], []

    def _open_text(self) -> OpenText | None:
        if self._open is None or self._tools:
            return None
        output_index, content_index = self._open
        texts = [_parse(delta).get("delta") for delta in self._deltas]
        return OpenText(
            output_index,
            content_index,
            text="".join(text for text in texts if isinstance(text, str)),
            item=self._item,
            parts=tuple(self._parts),
        )


def _parse(data: bytes) -> Document:
    """An event's JSON object; an empty one where it is none, as a watch never fails a stream."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object, default: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
