"""
What earlier exchanges of an audit have left for later ones: bills that are known, orders, things.

An exchange that is audited by another process, apart from those before it, has a `Watched` memory,
which keeps a `Log`: what was asked and told, and what was left. Where the same would be told in its
turn, its result is what it would have been; else it is audited again. So the result of an audit
does not depend on how many processes did it.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, override

from llmcap.words.usage import COUNTS, Usage

Key = tuple[Hashable, ...]  # a kind, a provider and a name


class Added(NamedTuple):
    """What came to the sum of some time."""

    at: Hashable
    usage: Usage


@dataclass(slots=True)
class Log:
    """What one exchange asked and was told, and what it left, in order."""

    asked: list[tuple[Key, Any]] = field(default_factory=list)
    left: list[tuple[Key, Any]] = field(default_factory=list)


class Memory:
    """Facts by their keys. A value is never changed, only put in the place of another."""

    def __init__(self) -> None:
        self._facts: dict[Key, Any] = {}
        # Most facts only are: their hashes do, as a million of their keys would take 200 MB.
        self._true: set[int] = set()

    def get(self, key: Key) -> Any:
        """What was put there last, or all that was added there; None where nothing was."""
        if hash(key) in self._true:
            return True
        found = self._facts.get(key)
        return dict(found) if isinstance(found, dict) else found

    def note(self, key: Key) -> None:
        """That it is so."""
        self.put(key, value=True)

    def put(self, key: Key, value: Any) -> None:
        """In place of what was there."""
        if value is True:
            self._true.add(hash(key))
        else:
            self._facts[key] = value

    def add(self, key: Key, at: Hashable, usage: Usage) -> None:
        """One usage more to the sum of some time. Nobody who adds has to know what is there."""
        sums: dict[Hashable, Usage] = self._facts.setdefault(key, {})
        sums[at] = _sum(sums[at], usage) if at in sums else usage

    def agrees(self, log: Log) -> bool:
        """Whether all that was asked would be answered now as it was then."""
        return all(self.get(key) == told for key, told in log.asked)

    def take(self, log: Log) -> None:
        """Know what an exchange left."""
        for key, value in log.left:
            if isinstance(value, Added):
                self.add(key, value.at, value.usage)
            else:
                self.put(key, value)


class Watched(Memory):
    """One that writes down what it is asked, and what is left."""

    def __init__(self) -> None:
        super().__init__()
        self._log = Log()

    def logged(self) -> Log:
        """What was written down since the last time."""
        log, self._log = self._log, Log()
        return log

    @override
    def get(self, key: Key) -> Any:
        told = super().get(key)
        self._log.asked.append((key, told))
        return told

    @override
    def put(self, key: Key, value: Any) -> None:
        super().put(key, value)
        self._log.left.append((key, value))

    @override
    def add(self, key: Key, at: Hashable, usage: Usage) -> None:
        super().add(key, at, usage)
        self._log.left.append((key, Added(at, usage)))


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in COUNTS})
