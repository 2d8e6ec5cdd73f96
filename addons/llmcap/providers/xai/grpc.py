"""
xAI over gRPC, as its own SDK speaks: the services of `xai_api` on api.x.ai.

The field numbers are those of the public definitions (github.com/xai-org/xai-proto). Usage is in
the answer, of a stream in every chunk: the last one counts. Its bill, in ticks of 10^-10 dollars,
is there or not; the reasoning is beside the completion, and the total has both.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import override

from llmcap.providers.parts import hosted
from llmcap.providers.parts.kinds import DATA_URL
from llmcap.providers.parts.reader import BaseReader, text
from llmcap.providers.parts.shape import (
    NOT_SENT,
    Ask,
    Billing,
    Document,
    Endpoint,
    Media,
    Request,
    Sent,
)
from llmcap.providers.xai.usage import AGENTS_FEW, AGENTS_MAX, MULTI_AGENT
from llmcap.streams.grpc import messages_in
from llmcap.streams.protobuf import Message, varint
from llmcap.words.errors import FormatError
from llmcap.words.records import Count, Usage

TICK_USD = Decimal("1e-10")

# Live search, the older way, is billed by the source, at five times the fee of a search.
SOURCES_DEFAULT = 20
SEARCHES_PER_SOURCE = 5

PRIORITY = 2  # of ServiceTier
LIMIT_TAG = bytes([7 << 3])  # `max_tokens`, a number
TURNS = 25  # `max_turns`
AGENT_COUNT = 29  # `agent_count`, and what its values stand for
AGENT_COUNTS = {1: 4, 2: 16}
EFFORT = 19  # `reasoning_effort`, and at which of them fewer agents work: low and medium
FEW_AT_EFFORTS = (1, 2)
CLIENTS_CALL = 1  # of ToolCallType; what is above is xAI's own

# Tools of a request by their field, and of an answer by their number, with the unit of their fee;
# None: what they find is only read.
_TOOLS = {3: "web_search", 4: "x_search", 5: "code_execution", 6: "file_search", 7: None,
          8: "file_search", 10: "image"}  # fmt: skip
_USED = {1: "web_search", 2: "x_search", 3: "code_execution", 6: "file_search", 8: "file_search",
         11: "image"}  # fmt: skip
# What may be in the content of a message: a text, a picture, a file.
_CONTENT = frozenset((1, 2, 3))
# A search of attachments was billed at $0.005, which is that of two searches of a collection.
_TIMES = {8: 2}


# --- requests -------------------------------------------------------------------------------


def read_completion(request: Request) -> Ask:
    """What `GetCompletionsRequest` asks for."""
    asked = _only_message(request)
    several = _agents(asked)
    tools = _hosted(asked, several)
    media, media_bytes = _media(asked)
    previous = asked.text(22)
    return Ask(
        model=asked.text(2),
        stream=True,
        text_bytes=max(len(request.body) - media_bytes, 0),
        media=media,
        output_limit=asked.count(7) or None,
        choices=max(asked.count(8), 1) * several,
        loops=max(tools.loops, several),
        tool_calls=(tools.loops - 1) // several,
        extra_input=tools.result_tokens,
        remote_input=bool(previous),
        remote=hosted.results_of(_TOOLS[number] or "mcp" for number in _tools(asked)),
        previous_id=previous or None,
        terms=("priority",) if asked.count(31) == PRIORITY else (),
        fees=tools.fees,
        attributes={"user": asked.text(16)} if asked.text(16) else {},
    )


def limit_completion(body: bytes, limit: int) -> bytes:
    """The same call with this limit: of a field that is there twice, the last one counts."""
    return _with(body, LIMIT_TAG + varint(limit))


def fewer_turns(body: bytes, most: int) -> bytes:
    """The same call with at most so many turns of xAI's own tools, one at least."""
    (message,) = messages_in(body)
    turns = min(most, Message(message).count(TURNS) or most)
    return _with(body, varint(TURNS << 3) + varint(turns))


def _with(body: bytes, field: bytes) -> bytes:
    (message,) = messages_in(body)
    message += field
    return b"\0" + len(message).to_bytes(4) + message


def read_deferred(request: Request) -> Ask:
    """The same for an answer that is fetched later."""
    return replace(read_completion(request), deferred=True)


def read_compact(request: Request) -> Ask:
    """What `CompactContextRequest` asks for: a shorter context, made by the model."""
    asked = _only_message(request)
    return Ask(model=asked.text(1), stream=True, text_bytes=len(request.body))


def read_fetched(request: Request) -> Ask:
    """Whose answer is fetched."""
    name = _only_message(request).text(1)
    return Ask(model="", stream=True, generates=False, previous_id=name or None)


def _only_message(request: Request) -> Message:
    messages = messages_in(request.body)
    if len(messages) != 1:
        raise FormatError(f"a gRPC call with {len(messages)} messages where one is expected")
    return Message(messages[0])


def _agents(asked: Message) -> int:
    """How many agents work on this call at most, each of which reads and writes."""
    if counted := AGENT_COUNTS.get(asked.count(AGENT_COUNT)):
        return counted
    if MULTI_AGENT not in asked.text(2):
        return 1
    return AGENTS_FEW if asked.count(EFFORT) in FEW_AT_EFFORTS else AGENTS_MAX


def _tools(asked: Message) -> Iterator[int]:
    """The numbers of xAI's own tools. Raises `FormatError` for one that nobody knows."""
    for tool in asked.messages(17):
        for number in range(2, 16):
            if tool.has(number):
                if number not in _TOOLS:
                    raise FormatError("the request has a hosted tool whose fee is not known")
                yield number


def _hosted(asked: Message, several: int) -> hosted.Hosted:
    turns = (asked.count(TURNS) or hosted.USES["xai"].most) * several
    fees: dict[str, int] = {}
    unpriced = 0
    for number in _tools(asked):
        unit = _TOOLS[number]
        if unit is None:
            unpriced = turns
        else:
            fees[unit] = fees.get(unit, 0) + turns * _TIMES.get(number, 1)
    if asked.has(20):
        sources = asked.message(20).count(8) or SOURCES_DEFAULT
        fees["web_search"] = fees.get("web_search", 0) + sources * SEARCHES_PER_SOURCE
    if not fees:
        return hosted.tools({}, unpriced_uses=unpriced)
    bound = hosted.tools({next(iter(fees)): turns})
    return hosted.Hosted(fees=fees, loops=bound.loops, result_tokens=bound.result_tokens)


def _media(asked: Message) -> tuple[tuple[Media, ...], int]:
    """Images and files of the conversation, and how many bytes of the body they take."""
    found: list[Media] = []
    size = 0
    for message in asked.messages(1):
        for content in message.messages(1):
            if content.has(2):
                url = content.message(2).text(1)
                head = DATA_URL.match(url)
                start = head.end() if head else 0
                sent = Sent(url, start) if head else NOT_SENT
                found.append(
                    Media("image", (len(url) - start) * 3 // 4 if head else None, sent=sent)
                )
                size += len(url) if head else 0
            if content.has(3):
                data = b"".join(content.message(3).blobs(2))
                found.append(Media("file", len(data) or None, sent=Sent(data)))
                size += len(data)
            if unknown := content.numbers - _CONTENT:
                found.append(Media("unknown", detail=f"field {min(unknown)} of its content"))
    return tuple(found), size


# --- responses ------------------------------------------------------------------------------


class GrpcReader(BaseReader):
    """A message of an answer; where its fields are, the kind of the answer says."""

    model_field = 6
    usage_field = 9
    tier_field = 15

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One message, as the framing wraps it."""
        try:
            message = Message(base64.b64decode(text(event.get("protobuf")), validate=True))
            self._read(message)
        except (FormatError, binascii.Error):
            self.error = self.error or "unreadable"

    def _read(self, answer: Message) -> None:
        self.response_id = answer.text(1) or self.response_id
        self.model = answer.text(self.model_field) or self.model
        for output in answer.messages(2):
            self._see(output)
        if answer.has(self.usage_field):
            self._count(answer.message(self.usage_field), answer.count(self.tier_field))
            self.complete = True

    def _see(self, output: Message) -> None:
        message = output.message(3)
        self.see(message.text(1))
        self.see(message.text(4))
        for call in message.messages(3):
            self.see_call(call.message(10).text(1))
            self.see(call.message(10).text(2))

    def _count(self, usage: Message, tier: int) -> None:
        prompt, completion = usage.count(2), usage.count(1)
        extras: dict[str, Count] = {}
        for tool in usage.counts(9):
            if unit := _USED.get(tool):
                extras[unit] = extras.get(unit, 0) + _TIMES.get(tool, 1)
        if sources := usage.count(8):
            extras["web_search"] = extras.get("web_search", 0) + sources * SEARCHES_PER_SOURCE
        written = completion + usage.count(6)
        counted = Usage(
            input_tokens=prompt,
            output_tokens=max(usage.count(3) - prompt, written),
            cache_read=usage.count(7),
            input_image=usage.count(5),
            reasoning=usage.count(6),
            extras=extras,
        )
        self.charge(counted, ("priority",) if tier == PRIORITY else ())
        # A bill of nothing for an answer is none, as in REST.
        told = usage.has(11) and (usage.count(11) or not written)
        self.billed_usd = usage.count(11) * TICK_USD if told else None


class ChunkReader(GrpcReader):
    """A chunk of a stream; every one may have a usage, so only a reason to stop makes it final."""

    model_field = 4
    usage_field = 6
    tier_field = 12

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._stopped: set[int] = set()
        self._calls: set[str] = set()  # of xAI's own tools, by their id

    @override
    def _read(self, answer: Message) -> None:
        super()._read(answer)
        self.complete = bool(self.charges) and len(self._stopped) >= self.ask.choices
        self.begun = len(self._calls)

    @override
    def _see(self, output: Message) -> None:
        delta = output.message(1)
        self.see(delta.text(1))
        self.see(delta.text(4))
        for call in delta.messages(3):
            self.see_call(call.message(10).text(1))
            self.see(call.message(10).text(2))
            if call.count(2) > CLIENTS_CALL:
                self._calls.add(call.text(1))
        if output.count(3):
            self._stopped.add(output.count(4))


class CompactReader(GrpcReader):
    """A compacted context."""

    usage_field = 4
    tier_field = 0

    @override
    def _see(self, output: Message) -> None:
        """Field 2 is the context, encrypted."""

    @override
    def _read(self, answer: Message) -> None:
        self.response_id = answer.text(1)
        if answer.has(self.usage_field):
            self._count(answer.message(self.usage_field), 0)
            self.complete = True


class StartedReader(BaseReader):
    """The name under which an answer will be fetched."""

    @override
    def event(self, event: Document, name: str = "") -> None:
        """The one message."""
        try:
            message = Message(base64.b64decode(text(event.get("protobuf")), validate=True))
        except (FormatError, binascii.Error):
            return
        self.response_id = message.text(1) or None


class FetchedReader(GrpcReader):
    """An answer that was begun by an earlier call, under that call's name."""

    @override
    def _read(self, answer: Message) -> None:
        if answer.has(1):
            super()._read(answer.message(1))
        self.response_id = self.ask.previous_id


# --- the services ---------------------------------------------------------------------------


def _endpoint(
    name: str,
    read: Callable[[Request], Ask],
    reader: Callable[[Ask], BaseReader],
    billing: Billing = Billing.METERED,
) -> Endpoint:
    limited = billing is Billing.METERED and read is not read_compact
    fields = "grpcCompact" if read is read_compact else "grpcCompletion"
    return Endpoint(
        name=name,
        billing=billing,
        fields=fields if billing is Billing.METERED else "",
        read=read,
        reader=reader,
        limit_body=limit_completion if limited else None,
        limit_tools_body=fewer_turns if limited else None,
        dialect="grpc",
    )


FREE = Endpoint(name="free", billing=Billing.FREE, dialect="grpc")
OUT_OF_SIGHT = Endpoint(
    name="another gRPC service",
    billing=Billing.UNMETERABLE,
    advice="xAI's REST API has the same under /v1: chats, images and films are metered there.",
    dialect="grpc",
)
# What only looks, stops or keeps; what is put into a batch is what costs.
_FREE_BATCHES = (
    "CancelBatch", "CreateBatch", "GetBatch", "ListBatchRequestMetadata", "ListBatches"
)  # fmt: skip

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    (
        "POST",
        "/xai_api.Chat/GetCompletion",
        _endpoint("gRPC completion", read_completion, GrpcReader),
    ),
    (
        "POST",
        "/xai_api.Chat/GetCompletionChunk",
        _endpoint("gRPC stream", read_completion, ChunkReader),
    ),
    (
        "POST",
        "/xai_api.Chat/StartDeferredCompletion",
        _endpoint("gRPC deferred completion", read_deferred, StartedReader),
    ),
    (
        "POST",
        "/xai_api.Chat/GetDeferredCompletion",
        _endpoint("gRPC stored completion", read_fetched, FetchedReader, Billing.DEFERRED),
    ),
    (
        "POST",
        "/xai_api.Chat/CompactContext",
        _endpoint("gRPC compact", read_compact, CompactReader),
    ),
    ("POST", "/xai_api.Chat/GetStoredCompletion", FREE),
    ("POST", "/xai_api.Chat/DeleteStoredCompletion", FREE),
    ("POST", "/xai_api.Models/{}", FREE),
    ("POST", "/xai_api.Auth/{}", FREE),
    ("POST", "/xai_api.Tokenize/{}", FREE),
    ("POST", "/xai_api.Files/{}", FREE),
    *(("POST", f"/xai_api.BatchMgmt/{name}", FREE) for name in _FREE_BATCHES),
    ("POST", "/xai_api.{}/{}", OUT_OF_SIGHT),
)
