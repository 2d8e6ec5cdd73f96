"""OpenAI's responses: streamed, whole, and in the background."""

import time
from typing import Any

from fake_provider import tariff
from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document, Event
from fake_provider.generate import Choice, Order


def order_of(document: Document, model: str, *, context: int = 0) -> Order:
    """What the request asks for; `context` are the tokens of the responses that it continues."""
    limit = document.get("max_output_tokens")
    own = count_input(
        document.get("input", ""), document.get("instructions"), document.get("tools")
    )
    return Order(
        endpoint="responses",
        model=model,
        served=tariff.SERVED.get(model, model),
        input_tokens=own + context,
        limit=tariff.OUTPUT_MAX[model] if limit is None else int(limit),
        stream=bool(document.get("stream")),
    )


class Response:
    """One response, and its state while it runs."""

    framing = "sse"

    def __init__(
        self,
        order: Order,
        record: Record,
        document: Document,
        *,
        usage: bool,
        searches: int = 0,
        search_every: int = 1,
    ) -> None:
        self._tools = [tool for tool in document.get("tools") or [] if "type" in tool]
        declared = any(tool["type"] == "web_search" for tool in self._tools)
        # xAI bounds the turns, of which each has one search here.
        most = document.get("max_turns" if order.model.startswith("grok") else "max_tool_calls")
        self._searches_left = min(searches, searches if most is None else most) if declared else 0
        self._search_every = search_every
        self._prompt_tokens = record.fresh
        self._made = 0
        self._searched: list[Document] = []
        self.id = f"resp_{record.number}"
        self._record = record
        self._usage = usage
        self._sequence = -1
        self._text = ""
        self._item = f"msg_{record.number}"
        self._head: Document = {
            "id": self.id,
            "object": "response",
            "created_at": int(time.time()),
            "model": order.served,
            "background": bool(document.get("background")),
            "error": None,
            "incomplete_details": None,
            "instructions": document.get("instructions"),
            "max_output_tokens": document.get("max_output_tokens"),
            "metadata": document.get("metadata") or {},
            "parallel_tool_calls": True,
            "previous_response_id": document.get("previous_response_id"),
            "service_tier": "default",
            "tool_choice": "auto",
            "tools": self._tools,
            "temperature": 1,
            "top_p": 1,
        }

    def state(self, status: str) -> Document:
        """The response object; its usage is there once it has ended."""
        output: list[Any] = []
        if self._text or status == "completed":
            output = [*self._searched, self._message(status)]
        document = {**self._head, "status": status, "output": output, "usage": None}
        if status in {"completed", "incomplete", "cancelled"} and self._usage:
            document["usage"] = self._usage_block()
        if status == "incomplete":
            document["incomplete_details"] = {"reason": "max_output_tokens"}
        return document

    def grow(self, text: str) -> None:
        """Take more text, unstreamed."""
        self._text += text

    def opening(self) -> list[Event]:
        """The response, its one message and its one text part."""
        item = {"type": "message", "id": self._item, "role": "assistant"}
        part = {"type": "output_text", "text": "", "annotations": []}
        return [
            self._event("response.created", response=self.state("in_progress")),
            self._event("response.in_progress", response=self.state("in_progress")),
            self._event(
                "response.output_item.added",
                output_index=0,
                item={**item, "status": "in_progress", "content": []},
            ),
            self._event("response.content_part.added", **self._place(), part=part),
        ]

    def token(self, choice: Choice, text: str) -> list[Event]:
        """A delta."""
        del choice
        self._text += text
        self._made += 1
        events = []
        if self._searches_left and self._made % self._search_every == 0:
            events = [
                self._event("response.output_item.added", output_index=1, item=self._search())
            ]
        return [
            *events,
            self._event("response.output_text.delta", **self._place(), delta=text, logprobs=[]),
        ]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """Every opened thing closed, then the whole response with its usage."""
        status = "incomplete" if choices[0].cut_off else "completed"
        part = {"type": "output_text", "text": self._text, "annotations": []}
        return [
            self._event("response.output_text.done", **self._place(), text=self._text, logprobs=[]),
            self._event("response.content_part.done", **self._place(), part=part),
            self._event("response.output_item.done", output_index=0, item=self._message(status)),
            self._event(f"response.{status}", response=self.state(status)),
        ]

    def failure(self) -> list[Event]:
        """A response that failed."""
        failed = self.state("failed")
        failed["error"] = {"code": "server_error", "message": "The fake provider was told to fail."}
        return [self._event("response.failed", response=failed)]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """The finished response."""
        self._text = texts[0]
        while self._searches_left:
            self._search()
        return self.state("incomplete" if choices[0].cut_off else "completed")

    def _search(self) -> Document:
        """One search of the web, on the bill before anybody sees it: all is read once more."""
        self._searches_left -= 1
        self._record.searches += 1
        self._record.fresh += (
            self._prompt_tokens + len(self._searched) * tariff.SEARCH_RESULT_TOKENS
        )
        item = {"type": "web_search_call", "id": f"ws_{len(self._searched)}", "status": "completed"}
        self._searched.append(item)
        return item

    def _usage_block(self) -> Document:
        return {
            "input_tokens": self._record.input,
            "input_tokens_details": {"cached_tokens": self._record.cached},
            "output_tokens": self._record.output,
            "output_tokens_details": {"reasoning_tokens": self._record.reasoning},
            "total_tokens": self._record.input + self._record.output,
        }

    def _message(self, status: str) -> Document:
        content = {"type": "output_text", "text": self._text, "annotations": [], "logprobs": []}
        return {
            "type": "message",
            "id": self._item,
            "role": "assistant",
            "status": status,
            "content": [content],
        }

    def _place(self) -> Document:
        return {"item_id": self._item, "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> Event:
        self._sequence += 1
        return Event({"type": kind, "sequence_number": self._sequence, **fields}, kind)
