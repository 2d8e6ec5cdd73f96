"""A webhook's consumer, as somebody would write one: it knows what it has had by the ids."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llmcap.notices.sinks import signature

SECONDS = 300  # ends what hangs


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


class Consumer:
    """Takes batches that are signed with its secret, and may be told to fail."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.statuses: list[int] = []  # of the next answers
        self.hang_up_after = 0  # batches that are taken, and not answered
        self.slow_seconds = 0.0
        self.calls: dict[str, dict[str, Any]] = {}  # by their ids
        self.again = 0
        self.sizes: list[int] = []
        self.asked: list[tuple[str, int]] = []
        self.last: tuple[dict[str, str], bytes] = ({}, b"")
        self.port = 0
        self._start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/calls"

    def _start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = outer.take(headers, body)
                if status:
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The status of an answer; 0: none, the connection is closed."""
        time.sleep(self.slow_seconds)
        status = self.statuses.pop(0) if self.statuses else 204
        self.asked.append((headers["webhook-id"], status))
        self.last = (headers, body)
        at = int(headers["webhook-timestamp"])
        if headers["webhook-signature"] != signature(self.secret, headers["webhook-id"], at, body):
            return 401
        if status != 204:
            return status
        batch = json.loads(body)["calls"]
        self.sizes.append(len(batch))
        for each in batch:
            self.again += each["id"] in self.calls
            self.calls[each["id"]] = each
        if self.hang_up_after:
            self.hang_up_after -= 1
            return 0
        return status

    def restart(self) -> None:
        """As after an update: the same address, and what it has had is kept."""
        self.stop()
        self._start()

    def stop(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
