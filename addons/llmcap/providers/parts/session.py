"""
The one shape of a WebSocket session: what its frames mean for the bill.

A session is not one call. Each response that a provider makes in it is billed by itself, and so is
each transcript of what it heard: a `Turn`. A wire file tells, of the client's frames, which turns
they start, and of the provider's, where in which turn they are. It keeps what the session has put
into the model's context, as later turns are billed for reading all of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request

RESPONSE = "response"
TRANSCRIPT = "transcript"


@dataclass(frozen=True, slots=True)
class Turn:
    """
    Work that a provider does within a session and bills by itself.

    A turn `ahead` is one that the provider may begin without being told to, as soon as it finds
    that a speaker has ended: money for it is held before the sound is passed on.
    """

    endpoint: Endpoint
    ask: Ask
    kind: str = RESPONSE
    lane: str = ""  # several may run side by side where the client names their lanes
    ahead: bool = False


class Moment(StrEnum):
    """What a provider's frame says of a turn."""

    DUE = "due"  # one that was held ahead will begin for certain
    BEGAN = "began"
    GOES_ON = "goes on"
    ENDED = "ended"
    FAILED = "failed"  # an error is its end, or took the place of its beginning
    REJECTED = "rejected"  # an error that can only be about one which has not begun


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame of the provider that is about a turn; `id` is empty where frames name none."""

    moment: Moment
    kind: str = RESPONSE
    lane: str = ""
    id: str = ""
    status: int = 200  # of an error
    frame: Document | None = None  # what a reader is shown instead of the frame itself


class Wire(Protocol):
    """The frames of one session, in the order in which they passed."""

    closes: bool  # whether a session ends with its first error
    fields: str  # the format of its client's frames, in `fields/`
    remembers: bool  # whether what one frame says holds for all turns after it

    def said(self, frame: Request) -> tuple[Turn, ...]:
        """
        The turns that must be paid for before this frame of the client may pass.

        The frame is the body of `frame`, beside what the upgrade had. Raises `FormatError`.
        """
        ...

    def heard(self, frame: Document) -> Heard | None:
        """What a frame of the provider is about, where that is a turn."""
        ...

    def unasked(self, heard: Heard) -> Turn | None:
        """A turn that began though no frame of the client had asked for it."""
        ...

    def learned(self, tokens: int | None) -> None:
        """A response is over; so many tokens are context now, or None where it told no usage."""
        ...

    def error(self, document: Document, status: int, lane: str) -> bytes:
        """The frame that tells the client of an error; `document` has OpenAI's shape."""
        ...

    def stop(self, turn_id: str) -> bytes | None:
        """The frame at which the provider ends a response; None where only closing ends it."""
        ...
