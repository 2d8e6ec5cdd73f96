"""
What the page's streams tell, worked out once for all who watch the same.

However many they are, one task looks at the ledger twice a second and at a treasury once, and makes
the event that each of them sends. A stream has no queue: who takes long gets the newest event next,
and has missed those between.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llmcap.page.watch import Watch

LOOK_SECONDS = 0.5
FLEET_SECONDS = 1  # between two looks at a treasury
ALIVE_SECONDS = 5

Look = Callable[[], Awaitable[dict[str, Any]]]


class Live:
    """One view, looked at as long as somebody watches it. `fleet`: each look asks the treasury."""

    def __init__(self, ledger: Path, look: Look, *, fleet: bool) -> None:
        self._ledger, self._look, self._fleet = ledger, look, fleet
        self._event, self._number = b"", 0
        self._failed: Exception | None = None
        self._told = asyncio.Condition()
        self.watching = 0
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """While somebody does; the last one who goes ends it."""
        self.watching += 1
        if self._task is None:
            self._failed = None
            self._task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            self.watching -= 1
            if not self.watching and self._task is not None:  # None: a look has failed
                self._task.cancel()
                self._task = None

    async def newer(self, number: int) -> tuple[int, bytes]:
        """The newest event, once there is one after this number. Raises what a look raised."""
        async with self._told:
            await self._told.wait_for(lambda: self._failed or self._number > number)
        if self._failed is not None:
            raise self._failed
        return self._number, self._event

    async def _follow(self) -> None:
        version, told_at, last = None, 0.0, None
        try:
            with contextlib.closing(Watch(self._ledger)) as watch:
                while True:
                    found = watch.version()
                    due = time.monotonic() - told_at > ALIVE_SECONDS
                    if found != version or due or self._fleet:
                        version = found
                        document = await self._look()
                        what = {**document, "time": ""}
                        if what != last or due:
                            last, told_at = what, time.monotonic()
                            await self._tell(f"event: now\ndata: {json.dumps(document)}\n\n")
                    await asyncio.sleep(FLEET_SECONDS if self._fleet else LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 - each of those who watch raises it
            self._failed = error
            self._task = None  # who comes next begins anew
            await self._tell("")

    async def _tell(self, event: str) -> None:
        async with self._told:
            self._event, self._number = event.encode(), self._number + 1
            self._told.notify_all()
