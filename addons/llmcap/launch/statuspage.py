"""
What a proxy of ours tells its own clients, through the proxy: `http://llmcap.internal/`.

`/status.json` is for status lines: it asks the one proxy that its program runs behind, and needs to
know neither the ledger's place nor the budgets. Everything else is the page, read-only: it is asked
of the page's process for a viewer, and nothing but GET is asked. What nobody has an answer for,
`shell.ownname` has.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from mitmproxy.http import HTTPFlow, Response

from llmcap.launch.pageprocess import PageProcess
from llmcap.shell.ownname import NAME
from llmcap.words.errors import LLMCapError
from llmcap.words.money import usd_string

# Where it is. `screens.statusline` asks there, and has these two as they are here.
HOST = NAME
PATH = "/status.json"

_KEPT = (
    "content-type", "content-security-policy", "content-disposition", "x-content-type-options",
    "x-frame-options", "referrer-policy", "cross-origin-resource-policy", "cache-control",
)  # fmt: skip
_PLAIN = {"content-type": "text/plain"}
# It would never end; the page asks again and again where it has none.
_NO_STREAM = "/api/stream"


class StatusPage:
    """
    The addon. `document` gives what is told; it is asked each time.

    `session` gives what one session of an agent has cost, in another thread; None: nobody knows.
    """

    def __init__(
        self,
        document: Callable[[], dict[str, Any]],
        session: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        self._document = document
        self._session = session

    async def request(self, flow: HTTPFlow) -> None:
        """Answer what status lines ask, where the page has not."""
        request = flow.request
        asks = request.host == HOST and request.path.partition("?")[0] == PATH
        if not asks or flow.response is not None:
            return
        found = self._document()
        if session := request.query.get("session", ""):
            # It may have to be looked up in the ledger, which no call waits for.
            nanos = await asyncio.to_thread(self._session, session)
            found["session_usd"] = usd_string(nanos) if nanos is not None else None
        body = json.dumps(found).encode()
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        flow.response = Response.make(200, body, headers)


class ReadOnlyPage:
    """The addon before it: the page for a viewer. `page` gives its process, or None."""

    def __init__(self, page: Callable[[], PageProcess | None]) -> None:
        self._page = page

    async def request(self, flow: HTTPFlow) -> None:
        """Answer what the page has, and leave the rest."""
        page, path = self._page(), flow.request.path.partition("?")[0]
        if flow.request.host == HOST and page is not None and path != PATH:
            flow.response = await _asked(page, flow)


async def _asked(page: PageProcess, flow: HTTPFlow) -> Response:
    path = flow.request.path
    if path.partition("?")[0] == _NO_STREAM:
        return Response.make(404, b"through the proxy, the page asks again and again\n", _PLAIN)
    if flow.request.method != "GET":
        return Response.make(405, b"through the proxy, the page is read-only\n", _PLAIN)
    # Another page may make a browser ask; what it gets is for our own page.
    if flow.request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return Response.make(403, b"this is for no other page\n", _PLAIN)
    if not path.isascii() or not path.isprintable() or " " in path:
        return Response.make(400, b"", _PLAIN)
    try:
        status, headers, body = await page.ask(path)
    except (OSError, TimeoutError, ValueError, LLMCapError):
        return Response.make(503, b"the page's process does not answer\n", _PLAIN)
    return Response.make(status, body, {name: headers[name] for name in _KEPT if name in headers})
