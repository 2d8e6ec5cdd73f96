"""Requests through a proxy without any package: the bytes are those that stand here."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

from fake_provider.proxy import ProxyHandle

TIMEOUT_SECONDS = 300


def connected(proxy: ProxyHandle) -> socket.socket:
    """A connection to the proxy."""
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=TIMEOUT_SECONDS)


def answered(connection: socket.socket, *, method: str = "GET") -> HTTPResponse:
    """The answer to what was sent, up to its body."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    return response


@contextmanager
def tunnelled(
    proxy: ProxyHandle, host: str, port: int
) -> Iterator[tuple[socket.socket, HTTPResponse]]:
    """A connection on which a tunnel was asked for, and what was answered."""
    with connected(proxy) as connection:
        connection.sendall(
            f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        )
        with answered(connection, method="CONNECT") as answer:
            yield connection, answer


def post(proxy: ProxyHandle, url: str, body: dict[str, object]) -> tuple[int, str]:
    """A POST through the proxy: status and body."""
    host, _, path = url.removeprefix("https://").partition("/")
    content = json.dumps(body).encode()
    head = (
        f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    context = ssl.create_default_context(cafile=str(proxy.ca))
    with (
        tunnelled(proxy, host, 443) as (connection, _),
        context.wrap_socket(connection, server_hostname=host) as tls,
    ):
        tls.sendall(head.encode() + content)
        with answered(tls) as response:
            return response.status, response.read().decode()
