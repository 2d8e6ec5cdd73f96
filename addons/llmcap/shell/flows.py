"""mitmproxy's flows and the core's words, one into the other."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime

from mitmproxy import ctx, http
from mitmproxy.proxy.mode_specs import UpstreamMode

from llmcap.providers.parts.shape import SEVERAL, Request
from llmcap.replies import Refusal, Reply, refuse
from llmcap.shell.keeper import Fields
from llmcap.walk.attributes import OWN_HEADERS
from llmcap.words.arrival import Arrival
from llmcap.words.errors import FormatError

# LLMCap's own headers, and the proxy's password, are no business of the provider's.
PROXY_AUTHORIZATION = b"proxy-authorization"
_PRIVATE = frozenset((*(name.encode() for name in OWN_HEADERS), PROXY_AUTHORIZATION))

LAST_WORDS = b'{"error": {"message": "LLMCap failed, so it did not send this call. See its log."}}'

# What a body may be encoded in, and is decoded from: https://www.iana.org/assignments/http-parameters
ENCODINGS = ("", "identity", "gzip", "deflate", "br", "zstd")

# Whole JSON answers up to this size are held back so that their cost can stand in a header.
BUFFERED_BYTES_MAX = 4 * 1024 * 1024


def request_of(
    flow: http.HTTPFlow, host: str, *, program: str = "", process: str = "", first: bool = False
) -> Request:
    """
    The flow's request as the core sees it, its body decoded.

    A program that calls through an SDK has the SDK's user agent. Where its name is known it stands
    behind that, as refusals have to be worded for the program; the flow itself is not changed.
    `first`: none came over its connection before.
    """
    path, _, _ = flow.request.path.partition("?")
    headers = headers_of(flow.request)
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        # mitmproxy would undo whatever Python has a codec for, and the provider would not.
        raise FormatError(f"the request's content-encoding is not known: {encoding[:60]!r}")
    try:
        sent = flow.request.get_content(strict=True) if encoding else flow.request.raw_content
    except ValueError as error:
        raise FormatError(f"the request's content-encoding cannot be undone: {error}") from error
    if program:
        headers["user-agent"] = f"{headers.get('user-agent', '')} {program}/".lstrip()
    return Request(
        method=flow.request.method.upper(),
        host=host,
        path=path,
        query=_query_of(flow) if "?" in flow.request.path else {},
        headers=headers,
        body=sent or b"",
        arrival=arrival_of(flow, process=process, first=first),
    )


def arrival_of(flow: http.HTTPFlow, *, process: str, first: bool) -> Arrival:
    """A client that opens a connection means to send its first request by then."""
    client = flow.client_conn
    since = client.timestamp_start if first and client.timestamp_start else 0.0
    return Arrival(
        connection=client.id,
        peer=client.peername[0],
        process=process,
        in_turn=not flow.request.is_http2,
        since=datetime.fromtimestamp(since or flow.request.timestamp_start, UTC),
    )


def _query_of(flow: http.HTTPFlow) -> dict[str, str]:
    """The query by its names; values that differ under one name are joined as `shape` says."""
    found: dict[str, str] = {}
    for name, value in flow.request.query.items(multi=True):
        known = found.setdefault(name, value)
        if value not in known.split(SEVERAL):
            found[name] = f"{known}{SEVERAL}{value}"
    return found


def headers_of(message: http.Message) -> dict[str, str]:
    """By their names in lower case; several of a name are one, as HTTP says."""
    return named(message.headers.fields)


def named(fields: Fields) -> dict[str, str]:
    """The same of headers as mitmproxy keeps them. For speed, by hand."""
    found: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name = raw_name.lower().decode("utf-8", "surrogateescape")
        value = raw_value.decode("utf-8", "surrogateescape")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def add_headers(message: http.Message, headers: Mapping[str, str]) -> None:
    """Add headers of ours, in the place of any that a proxy before us has added."""
    ours = tuple((name.encode(), value.encode()) for name, value in headers.items())
    fields = message.headers.fields
    if any(name.startswith(b"x-llmcap-") for name, _ in fields):
        fields = tuple(field for field in fields if field[0].decode().lower() not in headers)
    message.headers.fields = fields + ours


def response_of(reply: Reply) -> http.Response:
    """A synthesized reply as mitmproxy's response."""
    return http.Response.make(reply.status, reply.body, dict(reply.headers))


def last_words() -> http.Response:
    """A refusal with nothing of ours but these lines, where even the refusal has failed."""
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    return http.Response.make(429, LAST_WORDS, headers)


def send_as(flow: http.HTTPFlow, *, path: str | None, body: bytes | None) -> None:
    """Put a path (without query) or a body in the place of the client's own, where given."""
    if path is not None:
        _, mark, query = flow.request.path.partition("?")
        flow.request.path = path + mark + query
    if body is not None:
        flow.request.headers.pop("content-encoding", None)
        flow.request.raw_content = body
        flow.request.headers["content-length"] = str(len(body))


def end_grpc(flow: http.HTTPFlow, refusal: Refusal) -> None:
    """Let a gRPC stream that is cut end with its status; all others have had their last event."""
    assert flow.response is not None
    if flow.response.headers.get("content-type", "").startswith("application/grpc"):
        told = refuse(refusal, dialect="grpc").headers
        trailers = {name: told[name] for name in ("grpc-status", "grpc-message")}
        flow.response.trailers = http.Headers(
            [(name.encode(), value.encode()) for name, value in trailers.items()]
        )


def strip_own_headers(flow: http.HTTPFlow, came: Fields) -> None:
    """
    Take out what is no business of the provider's.

    The password for the next proxy is mitmproxy's, or of another addon, and no part of what came;
    where mitmproxy was told it (`upstream_auth`), it may look the same.
    """
    headers = flow.request.headers
    is_ours = is_for_next_proxy(flow)
    kept = tuple(
        field
        for field in headers.fields
        if (name := field[0].lower()) not in _PRIVATE
        or (name == PROXY_AUTHORIZATION and (is_ours or field not in came))
    )
    if len(kept) != len(headers.fields):
        headers.fields = kept


def is_for_next_proxy(flow: http.HTTPFlow) -> bool:
    """Whether mitmproxy itself tells the next proxy a password in this request."""
    mode = flow.client_conn.proxy_mode
    upstream = isinstance(mode, UpstreamMode) and flow.request.scheme == "http"
    return upstream and "upstream_auth" in ctx.options and bool(ctx.options.upstream_auth)


def credentials(fields: Fields) -> str:
    """What a client told its proxy of itself."""
    for name, value in fields:
        if name.lower() == PROXY_AUTHORIZATION:
            return value.decode("utf-8", "surrogateescape")
    return ""


def ask_for_identity(flow: http.HTTPFlow) -> None:
    """Let the answer come as it is: what is not encoded can be read, and added to, at once."""
    headers = flow.request.headers
    others = [field for field in headers.fields if field[0].lower() != b"accept-encoding"]
    headers.fields = (*others, (b"accept-encoding", b"identity"))


def must_stream(headers: dict[str, str], status: int) -> bool:
    """Whether the client must get this response as it comes: all but errors and modest JSON."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return status < 300
    length = headers.get("content-length", "")
    return status < 300 and not (length.isdigit() and int(length) <= BUFFERED_BYTES_MAX)


def unfix_length(flow: http.HTTPFlow) -> None:
    """Let the response be longer or shorter than announced."""
    assert flow.response is not None
    if flow.response.headers.pop("content-length", None) is not None and flow.request.is_http11:
        flow.response.headers["transfer-encoding"] = "chunked"


def proxy_user(authorization: str) -> str:
    """The user name of a Basic `Proxy-Authorization` header, or an empty string."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""
