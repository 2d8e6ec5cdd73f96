"""Price data on loopback, as the sources publish it: good, late, short, hostile, or over TLS."""

import http.server
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def genai(provider: str, *models: dict[str, Any]) -> list[dict[str, Any]]:
    """A list such as genai-prices publishes it."""
    return [{"id": provider, "name": provider, "models": list(models)}]


def model(name: str, prices: Any, **more: Any) -> dict[str, Any]:
    """One model of it, by its exact name."""
    return {"id": name, "match": {"equals": name}, "prices": prices, **more}


class Page:
    """What a server answers: the content, or how it misbehaves."""

    def __init__(self) -> None:
        self.content = b""
        self.status = 200
        self.told: int | None = None  # content-length, where it is another than the true one
        self.pause_seconds = 0.0  # between two bytes
        self.location = ""
        self.url = ""
        self.meanwhile: Callable[[], object] = lambda: None  # what happens while it answers

    def says(self, document: Any) -> "Page":
        """Answer with this document."""
        self.content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Page]:
    """A server on a free port of loopback for as long as the block takes."""
    page = Page()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page.meanwhile()
            self.send_response(page.status)
            if page.location:
                self.send_header("location", page.location)
            length = len(page.content) if page.told is None else page.told
            self.send_header("content-length", str(length))
            self.end_headers()
            try:
                if not page.pause_seconds:
                    self.wfile.write(page.content)
                    return
                for byte in page.content:
                    self.wfile.write(bytes((byte,)))
                    time.sleep(page.pause_seconds)
            except OSError:
                pass  # the client has had enough

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    page.url = f"{scheme}://127.0.0.1:{server.server_port}/data.json"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
