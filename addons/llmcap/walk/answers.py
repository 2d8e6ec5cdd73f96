"""What the walk may answer to a request besides a call: that it is none of ours, or no."""

from dataclasses import dataclass

from llmcap.replies import Refusal, Reply


@dataclass(frozen=True, slots=True)
class Pass:
    """The request is none of ours, or free: forward it as it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is answered here; nothing of it reaches the provider."""

    refusal: Refusal
    reply: Reply
