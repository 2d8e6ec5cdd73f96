"""
What the workers of one proxy tell each other, so that a client meets the same proxy in all of them.

What is told before a client has its answer is heard before anything is answered to the next call of
that client, whichever worker has it: whoever needs to know asks to `catch_up` first. It decides
about words and brakes; money is the ledger's. What is lost on the way is told to nobody again.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

# What one message says, by its kind; the first argument is the number of the worker that says it.
Hear = Callable[..., None]


class Line(Protocol):
    """How messages travel."""

    number: int  # of this worker

    def send(self, message: bytes) -> None:
        """To all others; never waits, never raises."""
        ...

    def received(self) -> Sequence[bytes]:
        """What others have sent by now."""
        ...


class Peers:
    """The other workers. A proxy that is one process has none, and says nothing."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._heard: dict[str, Hear] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._line is not None

    def join(self, line: Line) -> None:
        """Be one of several from now on."""
        self._line = line
        self.say("joined")

    def on(self, kind: str, hear: Hear) -> None:
        """Call this with what others say of this kind."""
        self._heard[kind] = hear

    def say(self, kind: str, *what: Any) -> None:
        """To all others; `what` is JSON."""
        if self._line is not None:
            self._line.send(json.dumps([self._line.number, kind, *what]).encode())

    def catch_up(self) -> None:
        """Hear what has been said by now."""
        if self._line is None:
            return
        for message in self._line.received():
            number, kind, *what = json.loads(message)
            if hear := self._heard.get(kind):
                hear(number, *what)
