"""What the walk may answer to a request besides a call: that it is none of ours, or no."""

from dataclasses import dataclass

from llmcap.providers.parts.shape import Endpoint, Request
from llmcap.replies import Refusal, Reply
from llmcap.shared.state import Shared
from llmcap.words.records import Call


@dataclass(frozen=True, slots=True)
class Pass:
    """The request is none of ours, or free: forward it as it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is answered here; nothing of it reaches the provider."""

    refusal: Refusal
    reply: Reply


def unbounded(
    shared: Shared, endpoint: Endpoint, request: Request, call: Call, why: str
) -> Refused:
    """The refusal of a call that nothing bounds, in the ledger too."""
    shared.refused(call, None, note=f"unbounded: {why.splitlines()[0]}")
    text = (
        "LLMCap cannot tell what this request may cost at most, so it was not sent: retrying does "
        f"not help. The reason: {why}"
    )
    refusal = Refusal(reason="unbounded", message=text)
    return Refused(refusal, shared.reply(refusal, endpoint.dialect, request))
