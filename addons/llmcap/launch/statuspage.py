"""
What a proxy of ours tells its own clients: `http://llmcap.internal/status.json`, through the proxy.

So a status line asks the one proxy that its program runs behind, and needs to know neither the
ledger's place nor the budgets. The name is a reserved one: it can never be somebody's.
"""

import json
from collections.abc import Callable
from typing import Any

from mitmproxy.http import HTTPFlow, Response

# Where it is. `screens.statusline` asks there, and has these two as they are here.
HOST = "llmcap.internal"
PATH = "/status.json"


class StatusPage:
    """The addon. `document` gives what is told; it is asked each time."""

    def __init__(self, document: Callable[[], dict[str, Any]]) -> None:
        self._document = document

    def request(self, flow: HTTPFlow) -> None:
        """Answer for our own name, whatever the path."""
        if flow.request.host != HOST:
            return
        if flow.request.path != PATH:
            flow.response = Response.make(404, b"", {"content-type": "text/plain"})
            return
        body = json.dumps(self._document()).encode()
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        flow.response = Response.make(200, body, headers)
