"""
What stands in for LLMCap when mitmproxy unloads it while it goes on running.

mitmproxy drops an addon whose script vanishes or breaks, and then forwards everything. But the
streams stay ours, and this is whom they ask then: nothing goes to a provider until LLMCap is loaded
again.
"""

from mitmproxy import http

from llmcap.providers import provider_of
from llmcap.replies import Refusal, refuse
from llmcap.shell.destinations import provider_host
from llmcap.shell.flows import response_of
from llmcap.shell.keeper import Fields
from llmcap.words.told import Log

logger = Log(__name__)

MESSAGE = (
    "LLMCap was unloaded from the running proxy, so this call was not sent: nothing would count "
    "it. Restart the proxy, or restore the script that mitmproxy was started with."
)


class Unloaded:
    """A keeper that refuses every call to a provider, and knows of none."""

    def decide(self, flow: http.HTTPFlow, came: Fields) -> None:  # noqa: ARG002  see `Keeper`
        """Refuse what LLMCap would have decided."""
        if provider_host(flow) is not None:
            self.changed(flow)

    def changed(self, flow: http.HTTPFlow) -> None:
        """Likewise."""
        provider = provider_of(provider_host(flow) or "")
        reply = refuse(
            Refusal(reason="unloaded", message=MESSAGE),
            dialect=provider.dialect if provider else "openai",
            user_agent=flow.request.headers.get("user-agent", ""),
        )
        flow.response = response_of(reply)

    def begin(self, flow: http.HTTPFlow, status: int, headers: Fields) -> None:
        """It is a stranger's, or was settled when LLMCap was unloaded."""

    def late(self) -> None:
        """Nothing is written."""

    def whole(self, flow: http.HTTPFlow) -> None:
        """Likewise."""

    def over(self, flow: http.HTTPFlow) -> None:
        """Likewise."""

    def ended(self, flow: http.HTTPFlow, reason: str) -> None:
        """Likewise."""

    def greet(self, flow: http.HTTPFlow, came: Fields) -> None:
        """Nobody remembers."""

    def frame(self, flow: http.HTTPFlow) -> None:
        """Its session was closed."""

    def hung_up(self, flow: http.HTTPFlow) -> None:
        """Likewise."""

    def closed(self, host: str, what: str) -> None:
        """Tell the log."""
        logger.warning("LLMCap: %s to %s cannot be metered: closed", what, host)
