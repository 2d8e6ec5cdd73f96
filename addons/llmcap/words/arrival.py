"""How a request reached us: what tells whether its client had heard an earlier answer by then."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Calls that a program starts together reach a busy proxy within this time of each other; programs
# that ask again over a new connection wait about as long.
TOGETHER = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    Over which connection a request came, and since when its client can have meant to send it.

    `in_turn`: its client has read the answers to all that came over the connection before, as with
    HTTP/1; the streams of HTTP/2 may be under way together.
    """

    connection: str = ""
    peer: str = ""  # the client's address
    process: str = ""  # its process, where that was looked up
    in_turn: bool = True
    since: datetime | None = None  # None: one after the other, as in a session

    def is_after(self, moment: datetime) -> bool:
        """Whether the client certainly sent this some time after that moment."""
        return self.since is None or self.since - moment > TOGETHER


UNTOLD = Arrival()
