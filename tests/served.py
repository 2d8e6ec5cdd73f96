"""The page's server in a thread, and a client that asks it as a browser does."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmcap.page.access import Access, Role, secret_for, token_for
from llmcap.page.fleet import Fleet
from llmcap.page.handlers import Page
from llmcap.page.server import listen, serve
from llmcap.pricing import PriceBook

SECONDS = 300  # ends what hangs


@dataclass
class Client:
    """Somebody with a cookie, or without one."""

    port: int
    cookie: str = ""
    csrf: str = ""

    @property
    def host(self) -> str:
        """The name that it asks by."""
        return f"127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str):
        """Status, headers, and the body as JSON where it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        given = {"Host": self.host, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.cookie:
            given.setdefault("Cookie", self.cookie)
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, given)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        kind = answer.headers.get("Content-Type", "")
        return answer.status, answer.headers, json.loads(content) if "json" in kind else content

    def get(self, path: str):
        """The document, of a question that is answered."""
        status, _, document = self.ask(path)
        assert status == 200, document
        return document

    def until(self, path: str, holds: Callable[[Any], object]) -> Any:
        """The document, once it is so."""
        deadline = time.monotonic() + SECONDS
        while not holds(document := self.get(path)):
            assert time.monotonic() < deadline, document
            time.sleep(0.02)
        return document

    def change(self, path: str, body: object, **headers: str):
        """A change as the page makes it."""
        own = {"Origin": f"http://{self.host}", "X_LLMCap_CSRF": self.csrf}
        return self.ask(path, "POST", body, **(own | headers))


@dataclass
class Served:
    """A page that runs."""

    ledger: Path
    port: int

    def client(self, role: str = "admin", project: str = "") -> Client:
        """Who has opened the link of this role."""
        token = token_for(Role(role, project), secret_for(self.ledger), now=time.time())
        client = Client(self.port)
        status, headers, _ = client.ask(f"/?token={token}")
        assert status == 302
        client.cookie = headers["Set-Cookie"].partition(";")[0]
        client.csrf = client.get("/api/session")["csrf"]
        return client


@contextmanager
def served(ledger: Path, *, treasury: str = "") -> Iterator[Served]:
    """The server, its followers too."""
    listener = listen(0)
    port = listener.getsockname()[1]
    fleet = Fleet(treasury, ledger) if treasury else None
    page = Page(ledger, Access(secret_for(ledger), port), PriceBook(), fleet)
    loops, ended = [], asyncio.Event()
    ready = threading.Event()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        ready.set()
        await serve(page, listener, ended)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait(SECONDS)
    try:
        yield Served(ledger, port)
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(SECONDS)
        page.workers.shutdown()
