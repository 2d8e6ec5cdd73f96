"""A call that another program wrote down, and how its files are read."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcap.words.errors import ReconcileError
from llmcap.words.usage import Usage

LINE_CHARS_MAX = 64 << 20  # a line of a transcript may hold a whole file

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """
    One call. `key` is what it is known by: the provider's id of the response where that was kept
    (`told`), else what the program itself calls it.
    """

    source: str
    provider: str
    model: str
    at: datetime
    usage: Usage
    key: str
    told: bool = False
    terms: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Notes:
    """What of the files could not be read, counted by why."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, why: str) -> None:
        """Once more."""
        self.counts[why] = self.counts.get(why, 0) + 1


Reader = Callable[[Path, Notes], Iterator[Found]]


def lines(path: Path, notes: Notes) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file; a last line that is still being written is left alone."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while text := file.readline(LINE_CHARS_MAX):
                if not text.strip():
                    continue
                try:
                    document = json.loads(text)
                except (ValueError, RecursionError):
                    if text.endswith("\n"):
                        notes.add("lines that are no JSON")
                    continue
                if isinstance(document, dict):
                    yield document
    except OSError as error:
        raise ReconcileError(f"{path}: it cannot be read: {error.strerror}") from None


def document(path: Path, notes: Notes, what: str) -> Document:
    """The object that a file holds, or an empty one; `what` names it where it is no JSON."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        notes.add(f"{what} that are no JSON")
        return {}
    return found if isinstance(found, dict) else {}


def moment(value: object) -> datetime | None:
    """A time as programs write it, or None where it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > 10_000_000_000 else value
            return datetime.fromtimestamp(seconds, UTC)
        found = datetime.fromisoformat(str(value).strip().replace(" UTC", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def part(document: Document, key: str) -> Document:
    """A mapping below, or an empty one."""
    found = document.get(key)
    return found if isinstance(found, Mapping) else {}


def count(value: object) -> int:
    """A count, or nothing."""
    if isinstance(value, bool):
        return 0
    try:
        return max(int(float(value)), 0) if isinstance(value, int | float | str) and value else 0
    except (ValueError, OverflowError):
        return 0
