"""
What a node says of its accounts beside what calls ask: spend, what goes back, what is due ahead.

It looks at each account that is in use several times a second, and remembers some seconds of what
it saw. For one thread, but for `needed`, which the proxy's event loop calls.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from llmcap.budgets.windows import parse_window
from llmcap.treasury.asks import View
from llmcap.treasury.nodefile import Standing, Want
from llmcap.treasury.protocol import Account, Figures
from llmcap.treasury.sizes import SHARE, Use, given_back, more_wanted
from llmcap.words.records import CapUnit, Scope

# Over how long the use of an account is measured; who was idle for that long gives all back.
MEMORY_NANOSECONDS = 3 * 10**9
SECOND = 10**9
# How often the treasury is told what was spent, where nothing else is to be said.
TOLD_NANOSECONDS = SECOND // 2
# For so long a slot that was asked for is left for its call to take.
IDLE_NANOSECONDS = SECOND // 5
# So many accounts fit into a message.
LINES_MAX = 200


@dataclass(slots=True)
class Tended:
    """One account of this node."""

    scope: Scope
    samples: deque[tuple[int, int, int]] = field(default_factory=deque)  # when, spent, held
    needs: dict[int, int] = field(default_factory=dict)  # by second: the largest of a call
    told_at: int = 0
    told: tuple[int, int] = (-1, -1)  # spent and granted, when it was told last

    @property
    def slots(self) -> bool:
        """Whether it counts calls in flight: each asks for its slot, which goes back after it."""
        return self.scope.budget.unit is CapUnit.CONCURRENT

    @property
    def watched(self) -> bool:
        """Whether it stops no call: what was spent is told, and nothing is allotted."""
        return self.scope.budget.watched

    def is_idle(self, now: int) -> bool:
        """Whether nobody has asked for it just now, and may not have taken it yet."""
        return now - self.told_at > IDLE_NANOSECONDS

    def saw(self, standing: Standing, now: int) -> None:
        """This is what it has now."""
        self.samples.append((now, standing.spent, standing.held))
        # All but the last that is older than the memory, so that a pace has a beginning.
        while len(self.samples) > 1 and self.samples[1][0] < now - MEMORY_NANOSECONDS:
            self.samples.popleft()
        for second in list(self.needs):
            if second < (now - MEMORY_NANOSECONDS) // SECOND:
                self.needs.pop(second, None)

    def use(self, now: int) -> Use:
        """How it was used of late."""
        need = max(list(self.needs.values()), default=0)
        if not self.samples:
            return Use(0, 0, need)
        first, last = self.samples[0], self.samples[-1]
        lasted = max(now - first[0], SECOND // 2)
        return Use(
            spent_per_second=max(last[1] - first[1], 0) * SECOND // lasted,
            held_most=max(held for _, _, held in self.samples),
            need_most=need,
        )


class Tending:
    """All accounts that this node has something of."""

    def __init__(self) -> None:
        self._tended: dict[Account, Tended] = {}

    def known(self, account: Account, scope: Scope) -> Tended:
        """The account, from now on in use."""
        found = self._tended.get(account)
        if found is None:
            found = self._tended[account] = Tended(scope)
        return found

    def needed(self, account: Account, scope: Scope, need: int) -> None:
        """A call needs so much of it."""
        needs, second = self.known(account, scope).needs, time.monotonic_ns() // SECOND
        if need > needs.get(second, 0):
            needs[second] = need

    def ahead(self, account: Account, scope: Scope) -> int:
        """What should be at hand for the next seconds: of slots for calls in flight, nothing."""
        tended = self.known(account, scope)
        return 0 if tended.slots else tended.use(time.monotonic_ns()).ahead

    def pairs(self) -> list[tuple[Account, Scope]]:
        """All accounts in use."""
        return [(account, each.scope) for account, each in list(self._tended.items())]

    def due(
        self,
        pairs: list[tuple[Account, Scope]],
        standings: list[Standing],
        *,
        views: Mapping[Account, View],
        wanted: frozenset[Account],
        at: datetime,
    ) -> list[Want]:
        """What there is to say now; accounts of which all is said are in use no more."""
        now = time.monotonic_ns()
        found: list[Want] = []
        for (account, scope), standing in zip(pairs, standings, strict=True):
            tended = self.known(account, scope)
            tended.saw(standing, now)
            over = tended.is_idle(now) if tended.slots else is_over(scope, at)
            want = self._want(
                account, tended, standing, views.get(account), wanted=account in wanted, over=over
            )
            if want is not None:
                found.append(want)
            elif self._is_done(tended, standing):
                self._tended.pop(account, None)
        return found[:LINES_MAX]

    def _want(
        self,
        account: Account,
        tended: Tended,
        standing: Standing,
        view: View | None,
        *,
        wanted: bool,
        over: bool,
    ) -> Want | None:
        now = time.monotonic_ns()
        use = tended.use(now)
        back = partial(_back, use, wanted=wanted, over=over)
        if back(standing):
            return Want(tended.scope, account, back=back)
        bare = wanted or over or tended.slots or tended.watched
        more = 0 if bare else more_wanted(use, at_hand=standing.at_hand)
        # What a share of the rest could bring, where that is less than a call needs, is left alone.
        if more and (view is None or view.figures.free // SHARE > use.need_most):
            return Want(tended.scope, account, wanted=use.ahead)
        overrun = standing.at_hand < 0 and not standing.held and not tended.watched
        news = tended.told != (standing.spent, standing.granted)
        if overrun or (news and now - tended.told_at > TOLD_NANOSECONDS):
            return Want(tended.scope, account)
        return None

    @staticmethod
    def _is_done(tended: Tended, standing: Standing) -> bool:
        """Whether nothing happens with it, and the treasury knows all."""
        settled = standing.granted == standing.spent and not standing.held
        return settled and not tended.needs and tended.told == (standing.spent, standing.granted)

    def said(self, account: Account, figures: Figures) -> None:
        """The treasury knows this now."""
        if tended := self._tended.get(account):
            tended.told = (figures.mine, figures.granted)
            tended.told_at = time.monotonic_ns()


def is_over(scope: Scope, at: datetime) -> bool:
    """Whether no call is held in this window, or bucket, any more."""
    return scope.window_start < parse_window(scope.budget.every, scope.budget.timezone).start(at)


def _back(use: Use, standing: Standing, *, wanted: bool, over: bool) -> int:
    return given_back(use, at_hand=standing.at_hand, wanted=wanted, over=over)
