"""
Newer prices in a running proxy: looked for each second, adopted whole, told once.

What cannot be used changes nothing. The update of a day runs in a process of its own, of which
there is one however many proxies share the data folder.
"""

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from llmcap.pricing.taken import Taken, read_taken, taken_path
from llmcap.words.errors import PriceError
from llmcap.words.paths import Watched, finding_us, make_folder

logger = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600
TRIED = "prices.tried"  # beside what was taken: when somebody last tried

_TOLD_MAX = 5

Notify = Callable[[str, str, str], None]  # kind, text, subject


class Watch(Watched):
    """The file of what was taken."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path or taken_path())

    def read(self) -> Taken | None:
        """What is in it now. Raises `PriceError`."""
        return read_taken(self.path)


def news(taken: Taken | None) -> str:
    """What a person should know of prices that were adopted."""
    if taken is None:
        return "the prices are those of the release again"
    told = "; ".join(taken.changes[:_TOLD_MAX]) or "prices were taken back"
    more = len(taken.changes) - _TOLD_MAX
    return f"prices changed: {told}" + (f"; and {more} more" if more > 0 else "")


class Daily:
    """
    What a config asks for day by day: at most once in that time for all proxies of a folder.

    `command` does it; its exit code and what it said on its last line go to `ended`. `tried` is a
    file that is touched then, so that the others know.
    """

    def __init__(
        self,
        command: Sequence[str],
        ended: Callable[[int, str], None],
        tried: Path,
        *,
        seconds: int = DAY_SECONDS,
    ) -> None:
        self._command = command
        self._ended = ended
        self._tried = tried
        self._seconds = seconds
        self._running: subprocess.Popen[str] | None = None
        self._look_again = 0.0

    def look(self) -> None:
        """Start it where a day has passed; tell of one that has failed."""
        if self._running is not None:
            self._reap(self._running)
            return
        now = time.monotonic()
        if now < self._look_again:
            return
        self._look_again = now + 60
        with contextlib.suppress(OSError):
            if self._claim():
                self._start()

    def stop(self) -> None:
        """End one that is under way: it changes nothing that way."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def _claim(self) -> bool:
        """Whether this process is the one that tries today."""
        make_folder(self._tried.parent)
        try:
            age = time.time() - self._tried.stat().st_mtime
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._tried, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                return True
            return False
        if 0 <= age < self._seconds:
            return False
        # Whoever renames it first has it: the others find another file, or none.
        mine = self._tried.with_name(f"{self._tried.name}.{os.getpid()}")
        try:
            self._tried.rename(mine)
        except FileNotFoundError:
            return False
        os.utime(mine)
        mine.rename(self._tried)
        return True

    def _start(self) -> None:
        self._running = subprocess.Popen(  # noqa: S603 - our own words, and no shell
            self._command,
            env=finding_us(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _reap(self, running: subprocess.Popen[str]) -> None:
        if running.poll() is None:
            return
        self._running = None
        said = (running.communicate()[1] or "").strip().splitlines()
        self._ended(running.returncode, said[-1] if said else "?")


def daily_prices(sources: Sequence[str], notify: Notify) -> Daily:
    """Newer prices, from these sources."""

    def ended(code: int, said: str) -> None:
        if code:
            text = f"today's prices were not taken, those before stay: {said}"
            notify("price_changed", text, text)

    return Daily(daily_command(sources), ended, taken_path().parent / TRIED)


def daily_command(sources: Sequence[str]) -> list[str]:
    """The update as a command of its own."""
    words = [sys.executable, "-m", "llmcap.cli", "prices", "update", "--yes"]
    return [*words, *(word for source in sources for word in ("--from", source))]


def adopt_if_changed(watch: Watch, reprice: Callable[[Taken | None], None], notify: Notify) -> None:
    """Go on under what was taken since. What is broken changes nothing, and is told."""
    if not watch.changed():
        return
    try:
        taken = watch.read()
        reprice(taken)
    except PriceError as error:
        text = f"the newer prices are not used, those before stay in force: {error}"
        notify("config_error", text, text)
        return
    text = news(taken)
    notify("price_changed", text, taken.at if taken else text)
