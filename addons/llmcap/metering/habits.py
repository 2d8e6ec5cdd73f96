"""
Under which terms a caller's answers are served that asked for none, as far as they told.

An account may have a term by default, so a call that asks for nothing is held at the dearest that
it may have. What its answers have told so far, one like the other, is no bound. It is what is taken
for true of a call that is lost, as nobody can look at its answer any more.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from llmcap.pricing.terms import kind_of

# How many answers must have told the same, and none another.
ANSWERS_MIN = 8

_CALLERS_MAX = 1_000

Caller = tuple[str, ...]  # a provider, a model, and what tells accounts apart


@dataclass(slots=True)
class _Habit:
    term: str
    answers: int = 0
    steady: bool = True


class Habits:
    """Of the callers that were seen lately."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Caller, dict[str, _Habit]] = OrderedDict()

    def observe(self, caller: Caller, told: Iterable[str]) -> None:
        """An answer told these terms, of kinds that its request did not name."""
        kinds = self._seen.setdefault(caller, {})
        self._seen.move_to_end(caller)
        for term in told:
            habit = kinds.setdefault(kind_of(term), _Habit(term))
            habit.answers += 1
            habit.steady = habit.steady and habit.term == term
        if len(self._seen) > _CALLERS_MAX:
            self._seen.popitem(last=False)

    def of(self, caller: Caller) -> list[str]:
        """The terms that all its answers told, where they were enough."""
        habits = self._seen.get(caller, {}).values()
        return [each.term for each in habits if each.steady and each.answers >= ANSWERS_MIN]
