"""
What the page answers, address by address; and before anything else, who asks, and from where.

A question is answered in a worker thread with a connection that can only read.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import tornado.iostream
import tornado.web

from llmcap.ledger import history
from llmcap.page import actions, calls, exposure, metrics, now, spend
from llmcap.page.access import Access, Role, Session, role_of
from llmcap.page.books import HERE, Books, of_machine
from llmcap.page.fleet import Fleet
from llmcap.page.live import Live
from llmcap.pricing import PriceBook
from llmcap.treasury.place import Place, place
from llmcap.words.errors import ConfigError, LLMCapError

STATIC = Path(__file__).parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    **{
        f"/{path.relative_to(STATIC).as_posix()}": (path.relative_to(STATIC).as_posix(), kind)
        for suffix, kind in (
            (".css", "text/css"),
            (".js", "text/javascript"),
            (".svg", "image/svg+xml"),
        )
        for path in sorted(STATIC.rglob(f"*{suffix}"))
    },
}
STREAMS_MAX = 500  # below the usual limit of open files
TAKE_SECONDS = 30  # of one event, by who watches

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# How the proxy says for whom it asks: it has the key, and its clients only see.
BEARER = "Bearer "


@dataclass(slots=True)
class Page:
    """What all requests share."""

    ledger: Path
    access: Access
    book: PriceBook
    fleet: Fleet | None = None  # where a treasury is configured
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(6))
    streams: int = 0
    lives: dict[tuple[str, str], Live] = field(default_factory=dict)  # by node and project

    def books(self, node: str) -> Books:
        """What to read for a question: of the fleet, of a node, or of this machine."""
        if self.fleet is not None:
            return self.fleet.books(node)
        if node not in ("", HERE):
            raise ConfigError("there are nodes under a treasury only, and none is configured")
        return of_machine(self.ledger)

    @asynccontextmanager
    async def watching(self, node: str, role: Role) -> AsyncIterator[Live]:
        """What the streams of this node tell to those who see as much, while one is open."""
        key = (node, role.project)
        look = partial(in_thread, self, lambda: now_document(self, node, role))
        live = self.lives.setdefault(key, Live(self.ledger, look, fleet=self.fleet is not None))
        try:
            async with live.watched():
                yield live
        finally:
            if live.watching == 0:
                del self.lives[key]

    def place(self) -> Place:
        """Where budgets are changed."""
        return place(self.ledger, self.fleet.treasury if self.fleet is not None else "")


class Handler(tornado.web.RequestHandler):
    """Checks who asks, before anything else, and tells mistakes in a sentence."""

    page: Page
    session: Session

    def initialize(self, page: Page) -> None:
        """Tornado's way to hand over."""
        self.page = page

    def set_default_headers(self) -> None:
        """On every answer, mistakes too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def prepare(self) -> None:
        """A wrong name, another origin, no session: nothing."""
        access = self.page.access
        if not access.may_ask(self.request.host, self.request.headers):
            raise tornado.web.HTTPError(403, "this name or origin is not the page's")
        found = self._asked_by_proxy() or access.find(self.get_cookie(access.cookie))
        if found is None:
            raise tornado.web.HTTPError(401, "open the page with `llmcap dashboard`")
        self.session = found
        if self.request.method == "POST":
            why = access.may_change(found, self.request.host, self.request.headers)
            if why:
                raise tornado.web.HTTPError(403, why)
        elif self.request.method not in ("GET", "HEAD"):
            raise tornado.web.HTTPError(405)

    def _asked_by_proxy(self) -> Session | None:
        said = self.request.headers.get("Authorization", "")
        if not said.startswith(BEARER):
            return None
        role = role_of(said.removeprefix(BEARER), self.page.access.secret, now=time.time())
        return Session(role, "", 0) if role is not None and not role.admin else None

    @property
    def role(self) -> Role:
        """Of who asks."""
        return self.session.role

    @property
    def node(self) -> str:
        """Whose books are asked for; without a treasury there are those of this machine."""
        return self.arguments().get("node", "")

    def arguments(self) -> dict[str, str]:
        """Those of the address, each once."""
        return {
            name: values[-1].decode("utf-8", "replace")
            for name, values in self.request.query_arguments.items()
        }

    async def work[Result](self, step: Callable[[], Result]) -> Result:
        """In another thread, its mistakes as answers."""
        return await in_thread(self.page, step)

    def write_error(self, status_code: int, **extra: Any) -> None:  # noqa: ARG002 (tornado's)
        """In JSON, in one sentence."""
        error = extra.get("exc_info", (None, None, None))[1]
        said = getattr(error, "log_message", None) or self._reason
        self.finish({"error": str(said).replace("%%", "%")})

    def log_exception(self, *error: Any) -> None:
        """What a client got wrong is told to it, and our own faults to the log."""
        if not isinstance(error[1], tornado.web.HTTPError):
            super().log_exception(*error)


async def in_thread[Result](page: Page, step: Callable[[], Result]) -> Result:
    """In one of the page's threads, its mistakes as answers."""
    try:
        return await asyncio.get_running_loop().run_in_executor(page.workers, step)
    except ConfigError as error:
        raise tornado.web.HTTPError(400, str(error).replace("%", "%%")) from error
    except LLMCapError as error:
        raise tornado.web.HTTPError(503, str(error).replace("%", "%%")) from error


class Open(Handler):
    """The page itself and its parts; the opening link turns its token into a cookie."""

    def prepare(self) -> None:
        """A token opens; the parts are no secret, and tell nothing."""
        access = self.page.access
        if not access.may_ask(self.request.host, self.request.headers):
            raise tornado.web.HTTPError(403, "this name or origin is not the page's")

    def get(self) -> None:
        """The file, or a redirect without the token."""
        access, token = self.page.access, self.get_query_argument("token", "")
        if self.request.path == "/" and token:
            value = access.open(token)
            if value is None:
                raise tornado.web.HTTPError(
                    401, "this link is too old or was changed: `llmcap dashboard` makes another"
                )
            self.set_cookie(access.cookie, value, httponly=True, samesite="Strict", path="/")
            self.redirect("/")
            return
        name, kind = FILES[self.request.path]
        self.set_header("Content-Type", kind)
        self.finish((STATIC / name).read_bytes())


class Who(Handler):
    """Who is asking, and the secret of their changes."""

    def get(self) -> None:
        """A document."""
        self.finish(
            {"role": self.role.name, "project": self.role.project, "csrf": self.session.csrf,
             "fleet": self.page.fleet is not None}
        )  # fmt: skip


class Now(Handler):
    """This moment."""

    async def get(self) -> None:
        """A document."""
        self.finish(await self.work(partial(now_document, self.page, self.node, self.role)))


class Stream(Handler):
    """This moment, again each time when something has happened: server-sent events."""

    async def get(self) -> None:
        """Until the client goes, or takes nothing any more."""
        if self.page.streams >= STREAMS_MAX:
            raise tornado.web.HTTPError(503, "too many pages are watching")
        self.page.streams += 1
        self.set_header("Content-Type", "text/event-stream")
        try:
            # The client has gone, or the page ends.
            with contextlib.suppress(tornado.iostream.StreamClosedError, asyncio.CancelledError):
                await self._tell()
        except TimeoutError:
            self.detach().close()  # a place is for who reads
        finally:
            self.page.streams -= 1

    async def _tell(self) -> None:
        number = 0
        async with self.page.watching(self.node, self.role) as live:
            while True:
                number, event = await live.newer(number)
                self.write(event)
                await asyncio.wait_for(self.flush(), TAKE_SECONDS)


class Spend(Handler):
    """What was spent in a span of time."""

    async def get(self) -> None:
        """A document."""
        self.finish(await self.work(self._document))

    def _document(self) -> dict[str, Any]:
        question = spend.asked(self.arguments(), datetime.now(UTC), project=self.role.project)
        books = self.page.books(self.node)
        with history.reading(books.path) as db:
            found = spend.document(db, question, self.page.book)
        return {**found, "fleet": now.fleet_document(books, self.role)}


class Calls(Handler):
    """Single calls, a page of them or all as CSV."""

    async def get(self) -> None:
        """A document, or a file."""
        if self.request.path.endswith(".csv"):
            self.set_header("Content-Type", "text/csv; charset=utf-8")
            self.set_header("Content-Disposition", 'attachment; filename="calls.csv"')
            self.finish(await self.work(self._csv))
        else:
            self.finish(await self.work(self._document))

    def _question(self) -> spend.Asked:
        return spend.asked(self.arguments(), datetime.now(UTC), project=self.role.project)

    def _document(self) -> dict[str, Any]:
        books = self.page.books(self.node)
        with history.reading(books.path) as db:
            found = calls.document(db, self._question(), self.arguments().get("before", ""))
        return {**found, "fleet": now.fleet_document(books, self.role)}

    def _csv(self) -> str:
        with history.reading(self.page.books(self.node).path) as db:
            return "".join(calls.as_csv(calls.matching(db, self._question())))


class OneCall(Handler):
    """One call with all that is known of it."""

    async def get(self, entry: str) -> None:
        """A document."""

        def find() -> dict[str, Any] | None:
            with history.reading(self.page.books(self.node).path) as db:
                return calls.one(db, int(entry), self.role, self.page.book)

        found = await self.work(find)
        if found is None:
            raise tornado.web.HTTPError(404, "there is no such call")
        self.finish(found)


class Exposure(Handler):
    """The worst case."""

    async def get(self) -> None:
        """A document."""

        def find() -> dict[str, Any]:
            books = self.page.books(self.node)
            with history.reading(books.path) as db:
                return exposure.document(books, db, datetime.now(UTC), self.role)

        self.finish(await self.work(find))


class Metrics(Handler):
    """For Prometheus, which brings a viewer's token."""

    async def get(self) -> None:
        """All of the ledger's; a viewer of one project gets none."""
        if self.role.project:
            raise tornado.web.HTTPError(403, "metrics are of all projects")
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(await self.work(partial(metrics.text, self.page.ledger, datetime.now(UTC))))


class Change(Handler):
    """What an admin does."""

    async def post(self) -> None:
        """A document, which is told and undone by the page."""
        page = self.page
        step: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "/api/budget": lambda wanted: actions.change_budget(page.place(), wanted),
            "/api/breaker": partial(actions.close_breaker, page.ledger),
            "/api/key": partial(actions.name_a_key, page.ledger),
        }
        try:
            wanted = json.loads(self.request.body)
            assert isinstance(wanted, dict)
        except (ValueError, AssertionError) as error:
            raise tornado.web.HTTPError(400, "a change is a JSON object") from error
        self.finish(await self.work(partial(step[self.request.path], wanted)))


def now_document(page: Page, node: str, role: Role) -> dict[str, Any]:
    """The document of this moment."""
    return now.document(page.books(node), datetime.now(UTC), role)


def application(page: Page) -> tornado.web.Application:
    """Every address there is."""
    given = {"page": page}
    files = "|".join(path.replace(".", r"\.") for path in FILES)
    return tornado.web.Application(
        [
            (f"(?:{files})", Open, given),
            ("/api/session", Who, given),
            ("/api/now", Now, given),
            ("/api/stream", Stream, given),
            ("/api/spend", Spend, given),
            (r"/api/calls(?:\.csv)?", Calls, given),
            ("/api/call/([0-9]{1,18})", OneCall, given),
            ("/api/exposure", Exposure, given),
            ("/metrics", Metrics, given),
            ("/api/(?:budget|breaker|key)", Change, given),
        ],
        default_handler_class=Handler,
        default_handler_args=given,
        log_function=lambda _: None,
    )
