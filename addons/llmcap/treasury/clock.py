"""The treasury's time, on a machine whose own clock may show anything."""

import time
from datetime import datetime, timedelta

from llmcap.ledger import utc_now


class TreasuryClock:
    """
    Goes on from what the treasury said last, by this machine's time since then.

    Before it was ever heard it is the machine's clock. It is behind by what the answer took to
    come, never ahead. Any thread may ask it.
    """

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: tuple[datetime, int] | None = None

    def __call__(self) -> datetime:
        """Now, in UTC."""
        heard = self._heard
        if heard is None:
            return utc_now()
        said, at = heard
        return said + timedelta(microseconds=(time.monotonic_ns() - at) // 1_000)

    def hear(self, said: datetime) -> None:
        """The treasury says that it is so late."""
        self._heard = (said, time.monotonic_ns())
