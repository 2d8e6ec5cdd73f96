"""
The name of our own that nobody else can have, where whoever runs this proxy has nothing behind it.

`llmcap up` answers for it with the page, and `llmcap run` with what status lines ask
(`launch.statuspage`); they come first. Without this, mitmproxy would look for the name in the
network and say that there is none.
"""

from mitmproxy import http

# A reserved top-level domain for private use: it can never be somebody's.
NAME = "llmcap.internal"

HTTP_PORT = 80

NO_PAGE = (
    "This proxy has no page here. `llmcap up` starts a proxy that has one; of any proxy's ledger, "
    "`llmcap dashboard --serve` shows it and `llmcap status` tells what is left.\n"
)
NO_TLS = f"Ask for http://{NAME}/, without TLS: no certificate can be made out for this name.\n"


class OwnName:
    """The addon: answers what nothing before it has."""

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """A tunnel would end nowhere; but a confined command comes by one, without TLS."""
        asks = flow.request.host == NAME and flow.request.port != HTTP_PORT
        if asks and flow.response is None:
            flow.response = _said(NO_TLS)

    def request(self, flow: http.HTTPFlow) -> None:
        """In a sentence that says what to start."""
        if flow.request.host == NAME and flow.response is None:
            flow.response = _said(NO_PAGE)


def _said(text: str) -> http.Response:
    headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
    return http.Response.make(404, text, headers)
