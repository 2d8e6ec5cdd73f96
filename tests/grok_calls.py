"""xAI's calls over gRPC, written by hand as they stand in the descriptors of `xai-sdk`."""

from llmcap.providers.parts.shape import Request
from llmcap.streams.protobuf import varint

MODEL = "grok-4-1-fast-non-reasoning"
HEAD = {"content-type": "application/grpc"}


def field(number: int, value: int | bytes | str) -> bytes:
    """One field on the wire."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def framed(message: bytes) -> bytes:
    """A message behind its prefix."""
    return b"\0" + len(message).to_bytes(4) + message


def asked(text: str = "hello", *more: bytes, limit: int = 1000, model: str = MODEL) -> bytes:
    """A GetCompletionsRequest: one message of the user, a limit, and more fields."""
    message = field(1, field(1, text)) + field(2, 1)
    return field(1, message) + field(2, model) + field(7, limit) + b"".join(more)


def request(message: bytes, method: str = "GetCompletion") -> Request:
    """A call."""
    return Request(
        method="POST",
        host="api.x.ai",
        path=f"/xai_api.Chat/{method}",
        headers={"content-type": "application/grpc", "te": "trailers"},
        body=framed(message),
    )


def usage(prompt: int, completion: int, *more: bytes, reasoning: int = 0) -> bytes:
    """A SamplingUsage."""
    total = prompt + completion + reasoning
    counts = field(1, completion) + field(2, prompt) + field(3, total)
    return counts + (field(6, reasoning) if reasoning else b"") + b"".join(more)


def chunk(text: str, used: bytes = b"", *, stop: bool = False) -> bytes:
    """A GetChatCompletionChunk, with a usage or without one."""
    output = field(1, field(1, text)) + (field(3, 3) if stop else b"")
    return field(1, "id-1") + field(2, output) + field(4, MODEL) + (field(6, used) if used else b"")
