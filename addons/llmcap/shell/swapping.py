"""
The mitmproxy shell of the key swap: what a confined or a plain `llmcap run` loads before LLMCap.

A request that carries a stand-in goes out with the real key where every name that it has is its
provider's, over TLS; anywhere else it is refused, and told. What decides about calls sees them
afterwards: fingerprints and the ledger are of the real key.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from mitmproxy import http

from llmcap.keys.aws import Aws, BadSignatureError
from llmcap.keys.sigv4 import Scope, Sent, signed
from llmcap.keys.swap import Key, Keys, mints
from llmcap.providers import provider_of
from llmcap.providers.parts.shape import Provider
from llmcap.replies import Refusal, refuse
from llmcap.shell.destinations import names_of
from llmcap.shell.flows import response_of
from llmcap.shell.keeper import Work
from llmcap.words.counts import several
from llmcap.words.told import Log

logger = Log(__name__)

SCOPE = "llmcap_scope"  # of a flow's metadata: what is to be signed when it leaves

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
        owner = found[0]
        reason = self._objection(flow, found)
        if not reason and isinstance(owner, Aws):
            reason = _taken_to_sign(flow, owner)
        if reason:
            logger.warning("LLMCap refused a request: %s", reason)
            flow.response = _refused(flow, reason)
        elif isinstance(owner, Key):
            fields, path = self._keys.put_in(request.headers.fields, request.path, owner)
            request.headers.fields = fields
            request.path = path

    def sign(self, flow: http.HTTPFlow) -> Work:
        """The last that happens to a request of AWS's: it gets its signature, as it is by then."""
        if SCOPE not in flow.metadata or flow.response is not None or flow.error is not None:
            return None
        return self._signed(flow)

    async def _signed(self, flow: http.HTTPFlow) -> None:
        stand_in, region, service, names = flow.metadata.pop(SCOPE)
        scope = Scope(region, service, tuple(names.split(";")))
        signer = self._keys.signer(stand_in)
        if signer is None:
            return  # as it is it has no signature, and is refused where it arrives
        # In a thread: credentials that run out are renewed over the network.
        credentials = await asyncio.to_thread(signer.current)
        flow.request.headers.fields = signed(_sent(flow), scope, credentials, datetime.now(UTC))

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

    def _objection(self, flow: http.HTTPFlow, found: list[Key | Aws]) -> str:
        """Why a stand-in stays one; nothing where it may be swapped."""
        names = names_of(flow)
        (key, *others) = found
        shown = ", ".join(names)
        for name in names:
            provider = provider_of(name)
            if provider is None or not _is_for(key, provider):
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


def _is_for(owner: Key | Aws, provider: Provider) -> bool:
    """Whether these hosts are the owner's; AWS's are all hosts around its models."""
    around = isinstance(owner, Aws) and provider.price_key == owner.provider
    return around or provider.name == owner.provider


def _taken_to_sign(flow: http.HTTPFlow, aws: Aws) -> str:
    """Check what a stand-in has signed, and take its signature off; or say why not."""
    try:
        scope = aws.check(_sent(flow), now=datetime.now(UTC))
    except BadSignatureError as error:
        return f"a request to {flow.request.pretty_host} {error}"
    flow.request.headers.fields = aws.announced(flow.request.headers.fields)
    flow.metadata[SCOPE] = (aws.stand_in, scope.region, scope.service, ";".join(scope.names))
    return ""


def _sent(flow: http.HTTPFlow) -> Sent:
    request = flow.request
    return Sent(
        method=request.method,
        url=f"https://{request.host_header or request.pretty_host}{request.path}",
        fields=request.headers.fields,
        body=request.raw_content or b"",
    )


def _refused(flow: http.HTTPFlow, reason: str) -> http.Response:
    provider = next(filter(None, map(provider_of, names_of(flow))), None)
    reply = refuse(
        Refusal(reason="bad_request", message=f"LLMCap did not send this request: {reason}."),
        dialect=provider.dialect if provider else "openai",
        user_agent=flow.request.headers.get("user-agent", ""),
    )
    return response_of(replace(reply, status=FORBIDDEN))
