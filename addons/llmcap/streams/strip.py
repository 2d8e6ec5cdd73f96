"""
Takes out of a chat completions stream what only LLMCap had asked for.

With `stream_options.include_usage` the server sends one chunk more, with empty `choices` and the
usage, and a `"usage": null` in all the others. A client that did not ask may index `choices[0]` and
crash, so both go; every other byte stays as it was. A chunk with empty `choices` but no usage
(Azure's first one, with `prompt_filter_results`) is the client's own and stays too.
https://platform.openai.com/docs/api-reference/chat/create#chat_create-stream_options
"""

import json
import re

from llmcap.streams.sse import SSEDecoder

# An event longer than this is passed on unread: what we look for is short.
HELD_BYTES_MAX = 1024 * 1024

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LONGEST_END_BYTES = 4
# In a JSON string the quotes would be escaped, so these are keys; which object's, parsing tells.
_NULL_FIELD = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,\s*')


class UsageStripper:
    """
    Server-sent events in, the same events less the usage out.

    Needs the bytes free of content-encoding. An event is kept back until it is whole.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0  # no event ends before this place in `_held`
        self._passing = False  # inside an event that is too long to be held

    def feed(self, data: bytes) -> bytes:
        """What the client is to get now."""
        self._held += data
        out: list[bytes] = []
        while found := _EVENT_END.search(self._held, self._searched):
            event = bytes(self._held[: found.end()])
            del self._held[: found.end()]
            self._searched = 0
            unread = self._passing or len(event) > HELD_BYTES_MAX
            out.append(event if unread else _stripped(event))
            self._passing = False
        self._searched = max(len(self._held) - _LONGEST_END_BYTES + 1, 0)
        if len(self._held) > HELD_BYTES_MAX:
            self._passing = True
        if self._passing and self._searched:
            # What might be the start of the event's end is kept, so that the end is seen.
            out.append(bytes(self._held[: self._searched]))
            del self._held[: self._searched]
            self._searched = 0
        return b"".join(out)

    def flush(self) -> bytes:
        """What was kept back, at the end of the stream."""
        rest = bytes(self._held)
        self._held.clear()
        self._searched = 0
        return rest if self._passing else _stripped(rest)


def _stripped(event: bytes) -> bytes:
    if b'"usage"' not in event:
        return event
    chunk = _chunk(event)
    if chunk is None or "usage" not in chunk:
        return event
    if chunk["usage"] is not None:
        return b"" if chunk.get("choices") == [] else event
    del chunk["usage"]
    for found in _NULL_FIELD.finditer(event):
        without = event[: found.start()] + event[found.end() :]
        if _chunk(without) == chunk:
            return without
    return event


def _chunk(event: bytes) -> dict[str, object] | None:
    decoder = SSEDecoder()
    events = [*decoder.decode(event), *decoder.flush()]
    if len(events) != 1:
        return None
    try:
        document = json.loads(events[0].data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
