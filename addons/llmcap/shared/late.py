"""
Writes of an event loop that met another process at the ledger: done in their order, a moment later.

A call's answer waits for them, so that nobody reads the end of an answer whose cost is not in the
ledger; the loop does not, and other calls go on.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from llmcap.words.errors import LedgerBusy

# How long a proxy that ends tries to write what is left.
END_SECONDS_MAX = 5
END_PAUSE_MILLISECONDS = 2

Step = Callable[[], object]


def _nothing() -> None:
    """Nobody tries again but the housekeeping."""


class Late:
    """Of one proxy; not for several threads."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        # Whose turn it is to ask for the lock again: one of all that wait here, in their order.
        self.turn = asyncio.Lock()
        self.wake: Callable[[], None] = _nothing  # called when there is something to try again

    def __bool__(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._steps)

    def do(self, step: Step) -> None:
        """
        Now, or when all is written that has to be before it. It raises nothing but `LedgerBusy`,
        after which nothing has happened, and what is a mistake of ours.
        """
        if self._steps:
            self._steps.append(step)
            return
        try:
            step()
        except LedgerBusy:
            self._steps.append(step)
            self.wake()

    def catch_up(self) -> None:
        """Do all of them; raises `LedgerBusy` where that does not work yet."""
        while self._steps:
            step = self._steps.popleft()
            try:
                step()
            except LedgerBusy:
                self._steps.appendleft(step)
                raise

    def end(self) -> None:
        """The same for a proxy that ends, and has no other calls to let go on."""
        deadline = time.monotonic() + END_SECONDS_MAX
        while self._steps:
            try:
                self.catch_up()
            except LedgerBusy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(END_PAUSE_MILLISECONDS / 1_000)
