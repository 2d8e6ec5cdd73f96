"""
First come, first served: the calls that wait for money held by others.

A call may only be tried when no earlier waiter wants a budget that it wants too, so a large call is
not starved by small ones, and calls under other budgets are not held up. This file knows the order;
who sleeps and who wakes is the shell's affair.
"""

from collections.abc import Callable, Iterable

from llmcap.words.records import Call

Key = tuple[str, str]  # a budget's name and the value of its `per`


class Place:
    """One waiter's place in the line."""

    __slots__ = ("call", "keys", "wake")

    def __init__(
        self, keys: frozenset[Key], wake: Callable[[], None], call: Call | None = None
    ) -> None:
        self.keys = keys
        self.wake = wake
        self.call = call


class Line:
    """The waiters in order of arrival. Everything is O(waiters), and waiters are bounded."""

    def __init__(self, *, places_max: int) -> None:
        self._places: list[Place] = []
        self._places_max = places_max

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> tuple[Place, ...]:
        """Who waits now, in order."""
        return tuple(self._places)

    @property
    def full(self) -> bool:
        """Whether nobody more may wait."""
        return len(self._places) >= self._places_max

    def join(
        self, keys: frozenset[Key], wake: Callable[[], None], call: Call | None = None
    ) -> Place:
        """Take the last place. `wake` is called when it is this place's turn to try."""
        place = Place(keys, wake, call)
        self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """Give the place up, admitted or not, and wake whoever is first now."""
        if place in self._places:
            self._places.remove(place)
        self.wake()

    def blocks(self, keys: Iterable[Key], *, before: Place | None = None) -> bool:
        """Whether an earlier waiter wants one of these budgets."""
        wanted = frozenset(keys)
        for place in self._places:
            if place is before:
                return False
            if place.keys & wanted:
                return True
        return False

    def wake(self) -> None:
        """Call every waiter that no earlier one blocks: money came back, or the line moved."""
        taken: set[Key] = set()
        for place in list(self._places):
            if not place.keys & taken:
                place.wake()
            taken |= place.keys
