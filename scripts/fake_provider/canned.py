"""
A provider of few words: what it answers is told by who uses it, request by request.

For answers that no well-behaved provider gives. It speaks HTTP/1.1 over TLS under the names of
`tls.HOSTS`, on threads, and keeps the sum of what it has billed.

    with CannedProvider(folder, answer) as provider:
        ...
        assert provider.nanos == 25_030_000
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from fake_provider.tls import write_certificates


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    host: str
    path: str
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Its body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What is answered, and what is billed for it, in nano-dollars.

    `pieces` are written one by one; with `length` false, neither a length nor chunks say where they
    end, but the end of the connection.
    """

    pieces: Iterable[bytes] = ()
    nanos: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: bool = True


def json_answer(document: dict[str, Any], nanos: int) -> Answer:
    """A JSON answer in one piece."""
    headers = {"content-type": "application/json"}
    return Answer((json.dumps(document).encode(),), nanos, headers=headers)


class CannedProvider:
    """Use as a context manager; `answer` is called on a thread of each connection."""

    def __init__(self, folder: Path, answer: Callable[[Asked], Answer]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, certificate = write_certificates(folder)
        self.nanos = 0
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self) -> None:
        """Begin a new bill."""
        with self._lock:
            self.nanos = 0
            self.asked.clear()

    def answered(self, asked: Asked) -> Answer:
        """What to answer; it is billed from here on."""
        answer = self._answer(asked)
        with self._lock:
            self.asked.append(asked)
            self.nanos += answer.nanos
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Answer a call."""
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = provider.answered(Asked(self.headers.get("host", ""), self.path, body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                pieces = answer.pieces
                if answer.length:
                    pieces = list(pieces)
                    if answer.status != 204:
                        self.send_header("content-length", str(sum(map(len, pieces))))
                else:
                    self.send_header("connection", "close")
                    self.close_connection = True
                self.end_headers()
                for piece in pieces:
                    try:
                        self.wfile.write(piece)
                        self.wfile.flush()
                    except OSError:
                        self.close_connection = True
                        return

            def log_message(self, *_: object) -> None:
                """Nothing: the tests look at what was asked."""

        return Handler
