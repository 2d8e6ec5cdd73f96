"""
xAI's gRPC, `xai_api.Chat`: GetCompletion, and GetCompletionChunk as a stream of messages.

The few fields that are needed are written and read by hand, as they stand in the descriptors of the
package `xai-sdk`.
"""

from collections import defaultdict
from collections.abc import Mapping

from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.generate import Choice, Order

GRPC_PATHS = {
    "/xai_api.Chat/GetCompletion": False,
    "/xai_api.Chat/GetCompletionChunk": True,
}
HEAD = {"content-type": "application/grpc"}
TRAILERS = {"grpc-status": "0"}

_MAX_LEN, _STOP = 1, 3  # FinishReason
_ASSISTANT = 2  # MessageRole


def model_of(body: bytes) -> str:
    """Which model the request names."""
    (model,) = _fields(body[5:])[2]
    assert isinstance(model, bytes)
    return model.decode()


def order_of(body: bytes, model: str, *, stream: bool, most: int) -> Order:
    """What a GetCompletionsRequest asks for."""
    fields = _fields(body[5:])
    texts = []
    for message in fields[1]:
        assert isinstance(message, bytes)
        for content in _fields(message)[1]:
            assert isinstance(content, bytes)
            for text in _fields(content)[1]:
                assert isinstance(text, bytes)
                texts.append({"text": text.decode()})
    (limit,) = fields[7] or [most]
    assert isinstance(limit, int)
    return Order(
        endpoint="grpc",
        model=model,
        served=model,
        input_tokens=count_input(texts),
        limit=limit,
        stream=stream,
    )


def whole(record: Record, choice: Choice, text: str) -> bytes:
    """A GetChatCompletionResponse."""
    message = _field(1, text) + _field(2, _ASSISTANT)
    output = _field(1, _finish(choice)) + _field(3, message)
    head = _field(1, f"grok-{record.number}") + _field(2, output) + _field(6, record.model)
    return _framed(head + _field(9, _used(record)))


def piece(record: Record, choice: Choice, text: str) -> bytes:
    """A GetChatCompletionChunk with some words; its usage is what was written by then."""
    delta = _field(1, text) + _field(2, _ASSISTANT)
    done = choice.made >= choice.size
    output = _field(1, delta) + (_field(3, _finish(choice)) if done else b"")
    head = _field(1, f"grok-{record.number}") + _field(2, output) + _field(4, record.model)
    return _framed(head + _field(6, _used(record)))


def _used(record: Record) -> bytes:
    visible = record.output - record.reasoning
    counts = {1: visible, 2: record.input, 3: record.input + record.output, 4: record.input}
    counts |= {6: record.reasoning, 7: record.cached}
    return b"".join(_field(number, count) for number, count in counts.items() if count)


def _finish(choice: Choice) -> int:
    return _MAX_LEN if choice.cut_off else _STOP


# --- protocol buffers -----------------------------------------------------------------------


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4) + message


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def _fields(data: bytes) -> Mapping[int, list[int | bytes]]:
    """All fields of a message by their numbers; numbers of fixed length are not needed."""
    found: defaultdict[int, list[int | bytes]] = defaultdict(list)
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            found[number].append(varint())
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        if kind == 2:
            found[number].append(data[place : place + size])
        place += size
    return found
