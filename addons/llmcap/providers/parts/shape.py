"""
The one shape of a provider: hosts, a table of endpoints, and per endpoint how to read both ways.

A provider file fills these records with functions of its wire format and nothing else: no IO, no
clock, no prices. `read` turns a request into an `Ask`, `reader` turns the response into a
`Reading`, `limit` rewrites the output limit. What a provider charges for lives in `pricing/`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from llmcap.providers.parts.bodies import parsed
from llmcap.providers.parts.spelling import normal
from llmcap.streams.backlog import Marks
from llmcap.words.arrival import UNTOLD, Arrival
from llmcap.words.frozen import record
from llmcap.words.records import Count, Reading

Document = dict[str, Any]


class Billing(StrEnum):
    """What a request to an endpoint does to the bill."""

    METERED = "metered"
    FREE = "free"
    DEFERRED = "deferred"  # costs nothing itself, may carry the usage of an earlier call
    UPLOAD = "upload"  # costs nothing itself, is read for the call that will work on it
    UNMETERABLE = "unmeterable"  # spends where a proxy cannot see it: refused under a budget


# Between the values of a query that has several under one name.
SEVERAL = "\n"


class Request:
    """
    One HTTP request as the core sees it: lower-case header names, body free of content-encoding.

    `path` has no query, and the one spelling that `spelling.normal` gives it. Values of the query
    that differ under one name are joined with `SEVERAL`. The parsed body is kept, as matching,
    reading and clamping all need it.
    """

    __slots__ = ("_document", "arrival", "body", "headers", "host", "method", "path", "query")

    def __init__(
        self,
        *,
        method: str,
        host: str,
        path: str,
        query: Mapping[str, str] = MappingProxyType({}),
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes = b"",
        document: Document | None = None,
        arrival: Arrival = UNTOLD,
    ) -> None:
        self.method = method
        self.arrival = arrival
        self.host = host
        self.path = normal(path)
        self.query = query
        self.headers = headers
        self.body = body
        self._document = document  # where it was read out of something larger

    def document(self) -> Document:
        """The body as a JSON object. Raises `FormatError` where it is none, or could be several."""
        if self._document is None:
            self._document = parsed(self.body)
        return self._document

    def with_body(self, body: Document | bytes) -> "Request":
        """The same request with another body."""
        document = None if isinstance(body, bytes) else body
        raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        return self.changed(body=raw, document=document)

    def changed(
        self,
        *,
        body: bytes | None = None,
        document: Document | None = None,
        path: str = "",
        arrival: Arrival | None = None,
    ) -> "Request":
        """The same but for what is given here; a new body is read anew, if not as this document."""
        kept = self._document if body is None else None
        return Request(
            method=self.method,
            host=self.host,
            path=path or self.path,
            query=self.query,
            headers=self.headers,
            body=self.body if body is None else body,
            document=kept if document is None else document,
            arrival=arrival or self.arrival,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes of a request, as they stand in it: decoded only when somebody looks at them."""

    encoded: bytes | memoryview | str = b""  # text is base64
    start: int = 0  # where the base64 begins

    def head(self, size: int) -> bytes:
        """The first of them, `size` at most; fewer where they cannot be decoded."""
        if not isinstance(self.encoded, str):
            return bytes(self.encoded[:size])
        return _unbase64(self.encoded[self.start : self.start + (size + 2) // 3 * 4])[:size]

    def data(self) -> bytes:
        """All of them; none where they cannot be decoded."""
        if not isinstance(self.encoded, str):
            return bytes(self.encoded)
        return _unbase64(self.encoded[self.start :])


NOT_SENT = Sent()


# Kinds of media that may be heard: their tokens may have a price of their own.
SOUNDING = ("audio", "video", "unknown")


@dataclass(frozen=True, slots=True)
class Media:
    """
    One image, sound, video or file of a request, whose bytes are no text.

    `bytes` is its decoded size, or None where the provider fetches it (a URL, a bucket, a file id).
    `unit` is what its seller bills it by where the model has a price for that: it then stands for
    its tokens, where these have a price too only if it is billed `beside` them.
    """

    kind: str  # image | audio | video | file | unknown: a part that nobody declared
    bytes: int | None = None
    detail: str = ""  # what the request says of its resolution
    unit: str = ""  # audio_second, page, input_pixel, ...
    beside: bool = False
    also: bool = False  # its unit is a fee, and its tokens are billed too
    least: int = 0  # what is billed of `unit` at least
    most: int = 0  # and at most, where the request itself says so
    said: str = field(default="", compare=False)  # its format, as the request names it
    sent: Sent = field(default=NOT_SENT, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Lot:
    """
    Calls of one kind that are ordered together, as sums of what each of them is bounded by.

    It holds no prices and no limits of a model, so that it can be kept until it is ordered.
    """

    model: str = ""  # "": the order names it
    others: tuple[str, ...] = ()  # helpers and fallbacks
    terms: tuple[str, ...] = ()
    sound: bool = False
    plain: bool = True  # the sums of its input and output tokens tell its whole bill
    calls: int = 0
    read: int = 0  # input tokens of all passes of all calls, by bytes
    counted: int = 0  # the same, with the text counted by a tokenizer
    windows: int = 0  # and so many whole context windows
    longest: int = 0  # the most that one call reads at once
    written: int = 0  # output tokens, where a limit is set
    unit: str = ""  # what the tokens that are read are billed as, where it is not input
    endless: int = 0  # answers that have no limit but the model's
    thoughts: int = 0  # and those that are thought about without one: as long as a window
    unread: bool = False  # some field was not read: at the dearest terms that the models have
    fees: Mapping[str, Count] = MappingProxyType({})
    measures: Mapping[str, Count] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Work:
    """What an uploaded file holds for those who will work on it; nothing of its text."""

    purpose: str  # as the upload says it: batch, fine-tune, ...
    lots: tuple[Lot, ...] = ()
    unreadable: str = ""  # why its work cannot be bounded

    @property
    def calls(self) -> int:
        """How many calls, or examples, it has."""
        return sum(lot.calls for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file that is being uploaded, and where they belong."""

    purpose: str
    data: bytes
    upload: str = ""  # what the pieces of one file have in common; "": this is all of it
    offset: int = 0
    last: bool = True


@record(frozen=True, slots=True)
class Ask:
    """
    What a request asks for: everything that its bound, its price and its budget depend on.

    `text_bytes` counts the bytes of the body that can become input tokens: all of it but media.
    """

    model: str
    stream: bool = False
    text_bytes: int = 0
    media: tuple[Media, ...] = ()
    generates: bool = True  # False: embeddings, rerank, ...: no output tokens at all
    output_limit: int | None = None  # tokens per choice; None: the model's maximum
    choices: int = 1
    # Tokens of thought beyond the limit of its answer; None: as many as fit the model's window.
    thought: int | None = 0
    extra_output: int = 0  # output beyond the limit: advisors, fallbacks, predictions
    loops: int = 1  # how often the input may be billed: server-side tool loops
    tool_calls: int = 0  # of tools that the provider runs, at most; 0: none, or nobody counts them
    extra_input: int = 0  # tokens per loop that the body does not hold: results of hosted tools
    kept_until: datetime | None = None  # the same as `kept_seconds`, by the clock
    kept_seconds: Decimal = Decimal(0)  # how long what is read is kept, at a price of its own
    prompts: int = 1  # separate inputs in the body, each with a context window of its own
    sound: bool = False  # reads or writes sound, at the rates for it
    remote_input: bool = False  # reads context that only the provider has: of `previous_id`
    remote: tuple[str, ...] = ()  # what else it reads there, of which nothing was seen: a template
    unread: tuple[str, ...] = ()  # fields that nobody declared, and that could name or multiply
    unread_said: tuple[str, ...] = ()  # texts in them that may be names, as of models
    unread_times: int = 1  # counts among them, multiplied: how often all of it may be done
    previous_id: str | None = None  # the response or conversation that it continues
    terms: tuple[str, ...] = ()  # the dearest terms that the request can be served under
    other_models: tuple[str, ...] = ()  # helpers and fallbacks that may be billed besides `model`
    instead: tuple[str, ...] = ()  # those of them that may serve all of the call in its place
    fees: Mapping[str, Count] = MappingProxyType({})  # the most units of each per-call fee
    # The same for each token that is written: the whole answer has a unit of its own in `fees`.
    written_fees: Mapping[str, Decimal] = MappingProxyType({})
    # What it names in place of a model, as its provider told when it was made, and the most units
    # of each fee where its tools are used.
    made: str = ""
    made_fees: Mapping[str, Count] = MappingProxyType({})
    # The same work in other units: what of them the model has a price for is billed, not tokens.
    measures: Mapping[str, Count] = MappingProxyType({})
    files: tuple[str, ...] = ()  # uploaded files that it orders work on
    passes: int = 1  # how often that work is done
    parts: tuple["Ask", ...] = ()  # calls that it orders, each bounded by itself
    lots: tuple[Lot, ...] = ()  # the same, summed up
    plain: bool = True  # the sums of its tokens tell its whole bill, where it is one of many
    deferred: bool = False  # background: this response will carry no usage, a later one will
    repeats: bool = False  # each event of its stream has all that came before
    usage_wanted: bool = True  # False: usage has to be asked for, and the client did not
    tools: bool = True  # describes tools, which a provider wraps in a prompt of its own
    hidden_work: bool = True  # may spend output tokens that the response does not show
    attributes: Mapping[str, str] = MappingProxyType({})  # user, customer, ... from the body


class Reader(Protocol):
    """
    One response, read incrementally. Never raises for what a provider may send.

    A stream calls `event` for each decoded JSON event, anything else calls `body` once. `reading`
    may be asked at any moment. `head` comes first.
    """

    @property
    def telling(self) -> Marks | None:
        """A mark in every event that can complete the reading or change its charges, if any."""
        ...

    def head(self, headers: Mapping[str, str]) -> None:
        """The response's headers, their names in lower case."""
        ...

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream; `name` is its SSE `event:` field or its frame type."""
        ...

    def body(self, document: Document) -> None:
        """A whole JSON response."""
        ...

    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """A response that is no JSON: how many bytes it had, and its headers."""
        ...

    def take_text(self) -> str:
        """The generated text that was seen since this was asked last, as far as it was kept."""
        ...

    def reading(self) -> Reading:
        """What is understood so far."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One billable or free operation of an API."""

    name: str
    billing: Billing = Billing.METERED
    read: Callable[[Request], Ask] | None = None
    reader: Callable[[Ask], Reader] | None = None
    # The same document with the output limit set (tokens per choice), still a valid request; or
    # None where this request cannot carry that limit.
    limit: Callable[[Document, int], Document | None] | None = None
    # The same for a body that is no JSON.
    limit_body: Callable[[bytes, int], bytes] | None = None
    # The same document with at most so many calls of the provider's own tools, one at least; None
    # where this request cannot carry that.
    limit_tools: Callable[[Document, int], Document | None] | None = None
    # The request as which it is to be read where so many of them were begun, which may be none:
    # for formats whose streams show each as it begins.
    using_tools: Callable[[Document, int], Document] | None = None
    # The same as both, for a body that is no JSON; one at least.
    limit_tools_body: Callable[[bytes, int], bytes] | None = None
    # The texts of the messages of a request that has nothing else to read; None for any other.
    prompt: Callable[[Document], list[str] | None] | None = None
    # The same document asking for usage in the stream, where that is not a matter of course.
    ask_usage: Callable[[Document], Document] | None = None
    # The bytes of an upload that later calls may work on; None where they are none of ours.
    upload: Callable[[Request], Piece | None] | None = None
    # What a line of such a file asks for; the provider knows the call that it stands for.
    # Raises `FormatError`.
    line: Callable[[Request, Piece, bytes, "Provider"], Ask] | None = None
    # What work on uploaded files asks for. Raises `FormatError` where it cannot be bounded.
    order: Callable[[Ask, Sequence[Work]], Ask] | None = None
    # Whether its answer has an id that later calls may name in place of the model that served.
    named_later: bool = False
    # Whether usage is charged too where nothing here ordered it: not where it can be told twice.
    charges_strangers: bool = True
    advice: str = ""  # what to do where it is refused as unmeterable
    dialect: str = "openai"  # the error shape, in `replies`
    fields: str = (
        ""  # the format whose fields are declared in `fields/`: all that is metered has one
    )


Match = Callable[[str, str], Endpoint | None]
Inside = Callable[[str, str], "tuple[Provider, Endpoint | None] | None"]


def _unbase64(text: str) -> bytes:
    """What base64 stands for, of both alphabets, with or without its padding."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "===")
    except (ValueError, binascii.Error):
        return b""


def _never(headers: Mapping[str, str]) -> bool:  # noqa: ARG001 - the shape of `signed`
    return False


@dataclass(frozen=True, slots=True)
class Provider:
    """
    Who it is, how to recognise it, and what its API has.

    `hosts` are exact names or patterns with a leading `*.`; `match` finds the endpoint of a
    method and path (without query), or None where this file does not know it.
    """

    name: str
    hosts: tuple[str, ...]
    match: Match
    api_only: bool = True  # False: the host also serves a product, unknown paths may pass
    paid_flat: bool = False  # what it does that no table knows is paid by the month, or by nobody
    dialect: str = "openai"
    prices: str = ""  # the provider's name in the price book, where it is not `name`
    # What `match` knows, for people: where it is no table itself.
    routes: tuple[tuple[str, str, Endpoint], ...] = ()
    signed: Callable[[Mapping[str, str]], bool] = field(default=_never)
    # Whose endpoint a method and path is, where this host passes it on to a vendor that bills it.
    inside: "Inside | None" = None

    @property
    def price_key(self) -> str:
        """The provider's name in the price book."""
        return self.prices or self.name
