"""
What a proxy has to tell while its terminal belongs to a program: kept until the program has ended.

Each thing once, the first few of them. A log file, where one is wanted, gets everything at once.
"""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from llmcap.words.counts import several
from llmcap.words.errors import ConfigError

SHOWN_MAX = 5
KEPT_MAX = 100

LOGGERS = ("llmcap", "mitmproxy")


class Notes:
    """The notes of one run. Other threads may add to it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def event(self, _kind: str, message: str) -> None:
        """Keep an event of the firewall."""
        self.add(message)

    def add(self, message: str) -> None:
        """Keep a sentence."""
        if message in self._counts or len(self._counts) < KEPT_MAX:
            self._counts[message] += 1

    def lines(self) -> list[str]:
        """The first of them, each with how often it happened."""
        shown = [
            message if count == 1 else f"{message} ({several(count, 'time')})"
            for message, count in list(self._counts.items())[:SHOWN_MAX]
        ]
        if more := len(self._counts) - len(shown):
            shown.append(f"{more} more like these: --log FILE keeps them all")
        return shown

    @contextlib.contextmanager
    def from_logs(self, path: Path | None) -> Iterator[None]:
        """Take the warnings of our code and mitmproxy's; write everything to the file, if any."""
        handlers: list[logging.Handler] = [_Keeper(self)]
        if path is not None:
            try:
                file = logging.FileHandler(path, encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"{path}: the log cannot be written: {error.strerror}") from error
            file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            handlers.append(file)
        level = logging.INFO if path is not None else logging.WARNING
        before = []
        for name in LOGGERS:
            logger = logging.getLogger(name)
            before.append((logger, logger.level, logger.propagate))
            # Below this level mitmproxy spends time on a line for each connection.
            logger.setLevel(level)
            logger.propagate = False
            for handler in handlers:
                logger.addHandler(handler)
        try:
            yield
        finally:
            for logger, old_level, propagate in before:
                logger.setLevel(old_level)
                logger.propagate = propagate
                for handler in handlers:
                    logger.removeHandler(handler)
            for handler in handlers:
                handler.close()


class _Keeper(logging.Handler):
    """Keeps warnings: our own, and those of mitmproxy that say that the proxy is not trusted."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        ours = record.name.startswith("llmcap")
        if ours or "does not trust" in message or record.levelno >= logging.ERROR:
            self._notes.add(message.removeprefix("LLMCap: "))
