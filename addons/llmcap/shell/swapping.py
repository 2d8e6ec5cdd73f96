"""
The mitmproxy shell of the key swap: what a confined or a plain `llmcap run` loads before LLMCap.

A request that carries a stand-in goes out with the real key where every name that it has is its
provider's, over TLS; anywhere else it is refused, and told. What decides about calls sees them
afterwards: fingerprints and the ledger are of the real key.
"""

from dataclasses import replace

from mitmproxy import http

from llmcap.keys.swap import Key, Keys, mints
from llmcap.providers import provider_of
from llmcap.replies import Refusal, refuse
from llmcap.shell.destinations import names_of
from llmcap.shell.flows import response_of
from llmcap.words.counts import several
from llmcap.words.told import Log

logger = Log(__name__)

FORBIDDEN = 403  # RFC 9110, section 15.5.4: it was understood, and will not be done


class Swapping:
    """The addon."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def request(self, flow: http.HTTPFlow) -> None:
        """Put the real key in the place of a stand-in, or refuse."""
        request = flow.request
        if flow.response is not None or flow.error is not None:
            return
        found = self._keys.found_in(request.headers.fields, request.path)
        if not found:
            return
        reason = self._objection(flow, found)
        if reason:
            logger.warning("LLMCap refused a request: %s", reason)
            flow.response = _refused(flow, reason)
            return
        fields, path = self._keys.put_in(request.headers.fields, request.path, found[0])
        request.headers.fields = fields
        request.path = path

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let no answer's head tell a real key."""
        if flow.response is not None:
            flow.response.headers.fields = self._keys.taken_out(flow.response.headers.fields)

    def response(self, flow: http.HTTPFlow) -> None:
        """Nor an error, nor trailers: errors are never streamed."""
        response = flow.response
        if response is None:
            return
        if response.trailers is not None:
            response.trailers.fields = self._keys.taken_out(response.trailers.fields)
        if response.status_code >= 300 and response.raw_content:
            body = self._keys.taken_out_of(response.get_content(strict=False) or b"")
            if body != response.get_content(strict=False):
                response.headers.pop("content-encoding", None)
                response.content = body

    def _objection(self, flow: http.HTTPFlow, found: list[Key]) -> str:
        """Why a stand-in stays one; nothing where it may be swapped."""
        names = names_of(flow)
        (key, *others) = found
        shown = ", ".join(names)
        for name in names:
            provider = provider_of(name)
            if provider is None or provider.name != key.provider:
                return f"the stand-in of a key for {key.provider} was sent to {shown}"
        if others:
            return f"stand-ins of keys for {several(len(found), 'provider')} were sent to {shown}"
        if flow.request.scheme != "https":
            return f"the stand-in of a key for {key.provider} was sent to {shown} without TLS"
        if mints(flow.request.method, flow.request.path):
            return (
                f"a request to {shown} that makes a credential would hand out a real one: it is "
                "for the owner of the key to make, outside of `llmcap run`"
            )
        return ""


def _refused(flow: http.HTTPFlow, reason: str) -> http.Response:
    provider = next(filter(None, map(provider_of, names_of(flow))), None)
    reply = refuse(
        Refusal(reason="bad_request", message=f"LLMCap did not send this request: {reason}."),
        dialect=provider.dialect if provider else "openai",
        user_agent=flow.request.headers.get("user-agent", ""),
    )
    return response_of(replace(reply, status=FORBIDDEN))
