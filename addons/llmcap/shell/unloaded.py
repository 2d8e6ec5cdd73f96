"""
What stands in for LLMCap when mitmproxy unloads it while it goes on running.

mitmproxy drops an addon whose script vanishes or breaks, and then forwards everything. This one
stays behind and refuses what goes to a provider, until LLMCap is loaded again.
"""

from mitmproxy import ctx, http

from llmcap.providers import provider_of
from llmcap.replies import Refusal, refuse
from llmcap.shell.flows import provider_host, response_of

NAME = "llmcap-unloaded"

MESSAGE = (
    "LLMCap was unloaded from the running proxy, so this call was not sent: nothing would count "
    "it. Restart the proxy, or restore the script that mitmproxy was started with."
)


class Unloaded:
    """Refuses every call to a provider."""

    name = NAME

    def request(self, flow: http.HTTPFlow) -> None:
        """Refuse what LLMCap would have decided."""
        provider = provider_of(provider_host(flow) or "")
        if provider is None or flow.response:
            return
        reply = refuse(
            Refusal(reason="unloaded", message=MESSAGE),
            dialect=provider.dialect,
            user_agent=flow.request.headers.get("user-agent", ""),
        )
        flow.response = response_of(reply)


def stand_in() -> None:
    """Refuse from now on, unless the proxy is ending anyway."""
    if not ctx.master.should_exit.is_set() and ctx.master.addons.get(NAME) is None:
        ctx.master.addons.add(Unloaded())


def step_back() -> None:
    """LLMCap is here again."""
    present = ctx.master.addons.get(NAME)
    if present is not None:
        ctx.master.addons.remove(present)
