"""
What sound costs a voice session: how long it can be, and how many tokens that is.

Sound comes in small pieces, and the turn that will read it is paid for before the first of them is
passed on. So a turn is held with room for more than was sent, and for more again when that is used.
"""

from dataclasses import dataclass, field

from llmcap.providers.parts.content import Content
from llmcap.providers.parts.shape import Media

# The fewest bytes of one second: PCM of 16 bits at the slowest rate in use, and G.711.
PCM_BYTES_PER_SECOND = 32_000
G711_BYTES_PER_SECOND = 8_000

# Room for sound that is still to come, in steps: a minute of speech is a long turn.
ROOM_SECONDS = 30


def seconds_in(base64_chars: int, *, bytes_per_second: int) -> float:
    """How long a piece of sound is at most."""
    return base64_chars * 3 / 4 / bytes_per_second


@dataclass(slots=True)
class Heap:
    """What was put into a session and is not yet in the count of any response."""

    text_bytes: int = 0
    seconds: float = 0
    messages: int = 0
    media: list[Media] = field(default_factory=list)

    def add(self, content: Content) -> None:
        """A message, with its images."""
        self.text_bytes += content.text_bytes
        self.media.extend(content.media)
        self.messages += 1

    def room_seconds(self) -> int:
        """Seconds of sound to hold money for: what came, and what may come before the next step."""
        return (int(self.seconds) // ROOM_SECONDS + 2) * ROOM_SECONDS

    def join(self, other: "Heap") -> None:
        """Both together."""
        self.text_bytes += other.text_bytes
        self.seconds += other.seconds
        self.messages += other.messages
        self.media.extend(other.media)


@dataclass(slots=True)
class Conversation:
    """
    What a session has in its context: so many tokens by the last usage, and what came since.

    What comes while a response goes on is not read by it, but by the next one.
    """

    known_tokens: int = 0
    going_on: bool = False
    _since: Heap = field(default_factory=Heap)
    _during: Heap = field(default_factory=Heap)

    @property
    def heap(self) -> Heap:
        """Where new content belongs."""
        return self._during if self.going_on else self._since

    def unread(self) -> Heap:
        """All that no usage has counted yet."""
        heap = Heap()
        heap.join(self._since)
        heap.join(self._during)
        return heap

    def over(self, tokens: int | None) -> None:
        """A response is over; None: it told no usage, so what it read stays uncounted."""
        self.going_on = False
        if tokens is not None:
            # A context that was cut shorter is not noticed: the bound may be too high, never low.
            self.known_tokens = max(self.known_tokens, tokens)
            self._since = Heap()
        self._since.join(self._during)
        self._during = Heap()
