"""
What a program may say to the proxy, to be taken for something else; see `attempts`.

Each gives the status of its answer; all but the first try to be taken for nobody's call.
"""

import contextlib
import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from http.client import HTTPResponse

from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamReset

PROVIDER, OTHER_PROVIDER, PLAIN = "api.openai.com", "api.groq.com", "fal.run"
BODY = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
).encode()
PATH = "/v1/chat/completions"
SECONDS_MAX = 120
PIECE_BYTES_MAX = 65_536

IPPROTO_MPTCP = 262  # <linux/in.h>


# --- connections ---------------------------------------------------------------------------------


def opened(host: str, port: int = 443, *, protocol: int = 0) -> socket.socket:
    """A connection to a name."""
    ((family, kind, _, _, address), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    connection = socket.socket(family, kind, protocol)
    connection.settimeout(SECONDS_MAX)
    connection.connect(address)
    return connection


def opened_fast(host: str) -> socket.socket:
    """One whose first packet may have data already."""
    address = (socket.gethostbyname(host), 443)
    near, far = pair()
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    pump(far, connection, lambda first: connection.sendto(first, socket.MSG_FASTOPEN, address))
    return near


def in_pieces(far: socket.socket, *, records: bool) -> socket.socket:
    """What is first said on it comes in two: as records of TLS, or byte by byte."""
    near, middle = pair()

    def said(first: bytes) -> None:
        if records:
            kind, content = first[:3], first[5:]
            for part in (content[:9], content[9:]):
                far.sendall(kind + struct.pack("!H", len(part)) + part)
            return
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(first)):
            far.sendall(first[at : at + 1])

    pump(middle, far, said)
    return near


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends."""
    near, far = socket.socketpair()
    near.settimeout(SECONDS_MAX)
    far.settimeout(SECONDS_MAX)
    return near, far


def pump(near: socket.socket, far: socket.socket, begin: Callable[[bytes], object]) -> None:
    """Join the two; what is said first is said by `begin`, and neither waits for ever."""

    def there() -> None:
        begin(near.recv(PIECE_BYTES_MAX))
        threading.Thread(target=copy, args=(far, near), daemon=True).start()
        copy(near, far)

    threading.Thread(target=there, daemon=True).start()


def copy(one: socket.socket, other: socket.socket) -> None:
    """To its end, whatever that is; the other end is told, whoever waits there."""
    with contextlib.suppress(OSError):
        while piece := one.recv(PIECE_BYTES_MAX):
            other.sendall(piece)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


def within(plain: socket.socket, name: str | None, *, speaks: Sequence[str] = ()) -> ssl.SSLSocket:
    """TLS that tells this name, or none, and believes any answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if speaks:
        context.set_alpn_protocols(list(speaks))
    return context.wrap_socket(plain, server_hostname=name)


# --- calls ---------------------------------------------------------------------------------------


def asked(connection: socket.socket, host: str, *, target: str = PATH, more: str = "") -> int:
    """The status of a call's answer."""
    connection.sendall(
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer sk-fake\r\n{more}"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        + BODY
    )
    return answered(connection, "POST")


def answered(connection: socket.socket, method: str) -> int:
    """The status of what comes, read to its end; of a tunnel, its head alone."""
    answer = HTTPResponse(connection, method=method)
    answer.begin()
    if method != "CONNECT":
        answer.read()
    return answer.status


def asked_by_http2(connection: socket.socket, authority: str, *, scheme: str = "https") -> int:
    """The same in a stream of HTTP/2."""
    session = H2Connection()
    session.initiate_connection()
    session.send_headers(1, [
        (":method", "POST"), (":path", PATH), (":scheme", scheme), (":authority", authority),
        ("authorization", "Bearer sk-fake"), ("content-type", "application/json"),
    ])  # fmt: skip
    session.send_data(1, BODY, end_stream=True)
    connection.sendall(session.data_to_send())
    while piece := connection.recv(PIECE_BYTES_MAX):
        for event in session.receive_data(piece):
            if isinstance(event, ResponseReceived):
                return int(dict(event.headers)[b":status"])
            if isinstance(event, StreamReset | ConnectionTerminated):
                return -int(event.error_code or 0)
    raise ConnectionResetError


def asked_within(host: str, port: int = 80) -> int:
    """A call through a tunnel that is asked for on a connection to this host."""
    connection = opened(host, port)
    connection.sendall(f"CONNECT {PROVIDER}:443 HTTP/1.1\r\nHost: {PROVIDER}:443\r\n\r\n".encode())
    status = answered(connection, "CONNECT")
    return asked(within(connection, PROVIDER), PROVIDER) if status == 200 else status


def address_of(*labels: bytes) -> str:
    """What our name server says of a name that no library would ask for."""
    question = b"".join(bytes([len(each)]) + each for each in labels) + b"\0\0\1\0\1"
    with socket.socket(type=socket.SOCK_DGRAM) as resolver:
        resolver.settimeout(SECONDS_MAX)
        resolver.connect(("127.0.0.1", 53))
        resolver.send(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + question)
        answer = resolver.recv(4096)
    if not answer[7]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return socket.inet_ntoa(answer[-4:])


def by_labels(*labels: bytes, name: str = PROVIDER) -> Callable[[], int]:
    """A call to the address of that name."""
    return lambda: asked(within(opened(address_of(*labels)), name), PROVIDER)


def asked_here(address: str, name: str | None = PROVIDER) -> int:
    """A call to an address."""
    return asked(within(opened(address), name), PROVIDER)


NETWORK: dict[str, Callable[[], int]] = {
    "as it should be": lambda: asked_here(PROVIDER),
    "by IPv6": lambda: asked_here(f"::ffff:{socket.gethostbyname(PROVIDER)}"),
    "by MPTCP": lambda: asked(
        within(opened(PROVIDER, protocol=IPPROTO_MPTCP), PROVIDER), PROVIDER
    ),
    "data in the first packet": lambda: asked(within(opened_fast(PROVIDER), PROVIDER), PROVIDER),
    "by HTTP/2": lambda: asked_by_http2(
        within(opened(PROVIDER), PROVIDER, speaks=["h2"]), PROVIDER
    ),
    # names, as they are asked for
    "a name in capitals": lambda: asked_here("API.OpenAI.com"),
    "a name with a dot at its end": lambda: asked_here(f"{PROVIDER}."),
    "a name in other letters": lambda: asked_here("\uff41\uff50\uff49\u3002openai.com"),
    "a dot in a label": by_labels(b"api.openai", b"com"),
    "a zero in a label": by_labels(b"api", b"openai", b"com\0"),
    "a space in a label": by_labels(b"api", b"openai", b"com "),
    "a star in a name": by_labels(b"*", b"openai", b"com"),
    "a name as long as one may be": by_labels(b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61),
    "a name that is too long": by_labels(b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 62),
    "an address as a name": by_labels(b"127", b"0", b"0", b"1"),
    "an address as a number": by_labels(b"0x7f000001"),
    "an address of IPv6 as a name": by_labels(b"::1"),
    "this machine by the address of a name": lambda: asked_here("127.0.0.1"),
    "this machine by no address": lambda: asked_here("0.0.0.0"),
    "this machine by its name": lambda: asked_here(os.uname().nodename),
    # names in TLS
    "without a name in TLS": lambda: asked_here(PROVIDER, None),
    "a name in TLS alone": lambda: asked_here(PLAIN),
    "a name in TLS alone, in capitals": lambda: asked_here(PLAIN, PROVIDER.upper()),
    "a name in TLS alone, with a dot at its end": lambda: asked_here(PLAIN, f"{PROVIDER}."),
    "a name in TLS alone, in two records": lambda: asked(
        within(in_pieces(opened(PLAIN), records=True), PROVIDER), PROVIDER
    ),
    "a name in TLS alone, byte by byte": lambda: asked(
        within(in_pieces(opened(PLAIN), records=False), PROVIDER), PROVIDER
    ),
    "a name in TLS alone, on another port": lambda: asked(
        within(opened(PLAIN, 22), PROVIDER), PROVIDER
    ),
    "another name in TLS": lambda: asked_here(PROVIDER, PLAIN),
    "an address in TLS": lambda: asked_here(PROVIDER, "192.0.2.1"),
    # names in HTTP
    "a name in HTTP alone": lambda: asked(within(opened(OTHER_PROVIDER), None), PROVIDER),
    "another provider in HTTP": lambda: asked(within(opened(PROVIDER), PROVIDER), OTHER_PROVIDER),
    "two names in HTTP": lambda: asked(
        within(opened(PROVIDER), PROVIDER), PLAIN, more=f"Host: {PROVIDER}\r\n"
    ),
    "another target in HTTP": lambda: asked(
        within(opened(PROVIDER), PROVIDER), PROVIDER, target=f"https://{PLAIN}{PATH}"
    ),
    "another authority in HTTP/2": lambda: asked_by_http2(
        within(opened(PROVIDER), PROVIDER, speaks=["h2"]), PLAIN
    ),
    "an authority in HTTP/2 alone": lambda: asked_by_http2(
        within(opened(OTHER_PROVIDER), None, speaks=["h2"]), PROVIDER
    ),
    # without TLS
    "without TLS": lambda: asked(opened(PROVIDER, 80), PROVIDER),
    "without TLS, on the port of TLS": lambda: asked(opened(PROVIDER), PROVIDER),
    "without TLS, by HTTP/2": lambda: asked_by_http2(
        opened(PROVIDER, 80), PROVIDER, scheme="http"
    ),
    "without TLS, a name in HTTP alone": lambda: asked(opened(PLAIN, 80), PROVIDER),
    "without TLS, a name in HTTP/2 alone": lambda: asked_by_http2(
        opened(PLAIN, 80), PROVIDER, scheme="http"
    ),
    "without TLS, a target alone": lambda: asked(
        opened(PLAIN, 80), PLAIN, target=f"http://{PROVIDER}{PATH}"
    ),
    "another port": lambda: asked(within(opened(PROVIDER, 22), PROVIDER), PROVIDER),
    # a proxy in the proxy
    "a tunnel in the provider's": lambda: asked_within(PROVIDER),
    "a tunnel in another's": lambda: asked_within(PLAIN),
    "a tunnel in our page": lambda: asked_within("llmcap.internal"),
    "a target in our page": lambda: asked(
        opened("llmcap.internal", 80), PROVIDER, target=f"http://{PROVIDER}{PATH}"
    ),
}  # fmt: skip
