"""
What stands beside the caps: thresholds that restrain calls, breakers, and the events to tell.

The ledger alone decides about money. The guard keeps what it last saw of the balances, so that a
call is restrained without a query: after each settlement in this process, and in rounds for what
others spent: a second long for as many balances as are seen in a moment, some minutes for a hundred
thousand. A restraint may come that late; a cap never does.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from llmcap.brakes.breakers import Breakers, Outcome, Trip
from llmcap.brakes.thresholds import Reached, Restraint, due, reached, restraint
from llmcap.budgets.watched import is_shadow
from llmcap.notices.alerts import Event, exceeded, noted, warning
from llmcap.notices.events import OpenBreaker
from llmcap.replies.dialects import header_text
from llmcap.shared.elsewhere import Elsewhere
from llmcap.shared.peers import Peers
from llmcap.words.records import Balance, Budget, Call, Deny, Policy, Scope
from llmcap.words.rules import EventKind

NO_RESTRAINT = Restraint()

SEEN_MAX = 10_000

# A budget per customer may have a hundred thousand balances. They are seen a page at a time, for a
# moment in each second, so that the event loop never stands still for them.
PAGE_VALUES = 100
LOOK_SECONDS = 1
LOOK_AT_ONCE_SECONDS = 0.02

# Kinds of the walk's notes that are another one's for those who listen.
_KINDS = {"hold_ended": EventKind.LEDGER_ERROR}


# A page of a budget's balances after a value, and the value to go on from; None: that was the last.
Page = tuple[list[tuple[Scope, Balance]], str | None]


def _to_nobody(event: Event) -> None:
    """No one listens."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a balance had reached when it was seen last, and in which round that was."""

    round: int
    reached: tuple[Reached, ...]


class Guard:
    """One per firewall, and replaced by none: a changed policy is `adopt`ed."""

    def __init__(
        self,
        policy: Policy,
        *,
        clock: Callable[[], datetime],
        tell: Callable[[Event], None] = _to_nobody,
        peers: Peers | None = None,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._reached: OrderedDict[tuple[str, ...], _Seen] = OrderedDict()
        self._rounds = 0  # how often all balances were looked at, the present time with them
        self._round: Iterator[list[tuple[Scope, Balance]]] | None = None
        self._rules = policy.breakers
        self.breakers = Breakers(policy.breakers)
        self._elsewhere = Elsewhere(
            Peers() if peers is None else peers, lambda: self.breakers, clock=clock
        )
        self.adopt(policy)

    def adopt(self, policy: Policy) -> None:
        """Guard by this policy from now on. Breakers that are open and unchanged stay so."""
        if self._rules != policy.breakers:
            self._rules = policy.breakers
            self.breakers = Breakers(policy.breakers)
        self.watched: tuple[Budget, ...] = tuple(budget for budget in policy.budgets if budget.at)
        self._reached.clear()
        self._round = None
        self._next_look = 0.0

    # --- thresholds ---------------------------------------------------------------------------

    def look(self, page_of: Callable[[Budget, str | None], Page]) -> None:
        """See a part of what all proxies have spent by now, not more often than is cheap."""
        now = time.monotonic()
        if not self.watched or now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        self._round = self._round or self._look_round(page_of)
        for found in self._round:
            self.saw(found)
            if time.monotonic() - now >= LOOK_AT_ONCE_SECONDS:
                return
        self._round = None

    def _look_round(
        self, page_of: Callable[[Budget, str | None], Page]
    ) -> Iterator[list[tuple[Scope, Balance]]]:
        """All balances of all watched budgets, page by page."""
        self._rounds += 1
        for budget in self.watched:
            after: str | None = None
            while True:
                found, after = page_of(budget, after)
                yield found
                if after is None:
                    break
        # A balance that does not count any more was on no page: what it had reached is over.
        for key in [key for key, seen in self._reached.items() if seen.round < self._rounds]:
            del self._reached[key]

    def saw(self, balances: Iterable[tuple[Scope, Balance]]) -> None:
        """These are the balances now: remember what they have reached, tell what is new."""
        if not self.watched:
            return
        now = self._clock()
        for scope, balance in balances:
            # A call that ends late tells of the window that it was held in: that one may be over.
            if (
                not scope.budget.at
                or is_shadow(scope)
                or (scope.resets_at and scope.resets_at <= now)
            ):
                continue
            found = reached(scope, balance, now)
            self._remember(scope, found)
            for each in due(found, ()):
                self._tell(warning(each, now))

    def restraint(self, scopes: Sequence[Scope]) -> Restraint:
        """What the thresholds that are reached do to a call of these scopes."""
        if not self._reached:
            return NO_RESTRAINT
        return restraint(self._found(scopes))

    def headers(self, scopes: Sequence[Scope]) -> dict[str, str]:
        """`x-llmcap-warning`: which thresholds a call of these scopes is above."""
        found = self._found(scopes) if self._reached else []
        if not found:
            return {}
        told = (
            f"{each.threshold.label} of {header_text(each.scope.budget.name)}" for each in found
        )
        return {"x-llmcap-warning": ", ".join(dict.fromkeys(told))}

    def _found(self, scopes: Sequence[Scope]) -> list[Reached]:
        seen = (self._reached.get(_key(scope)) for scope in scopes)
        return [each for one in seen if one is not None for each in one.reached]

    def _remember(self, scope: Scope, found: tuple[Reached, ...]) -> None:
        key = _key(scope)
        if not found:
            self._reached.pop(key, None)
            return
        self._reached[key] = _Seen(self._rounds, found)
        self._reached.move_to_end(key)
        if len(self._reached) > SEEN_MAX:
            self._reached.popitem(last=False)

    # --- breakers -----------------------------------------------------------------------------

    def ask(self, call: Call, fingerprint: str) -> Trip | None:
        """Whether the breakers let the call go; if so, `ended` or `forget` must follow."""
        if not self.breakers:
            return None
        self._elsewhere.catch_up()
        trip = self.breakers.ask(call, self._clock(), fingerprint=fingerprint)
        if trip is None:
            self._elsewhere.went(call, fingerprint)
        elif trip.new:
            self._opened(trip)
        return trip

    def ended(self, call: Call, outcome: Outcome, fingerprint: str) -> None:
        """A call that went has ended."""
        if not self.breakers:
            return
        self._elsewhere.ended(call, outcome)
        for trip in self.breakers.ended(call, outcome, self._clock(), fingerprint=fingerprint):
            self._opened(trip)

    def forget(self, call: Call, fingerprint: str) -> None:
        """A call that could have gone did not."""
        if self.breakers:
            self._elsewhere.forgotten(call)
        self.breakers.forget(call, fingerprint=fingerprint)

    def open_breakers(self) -> list[OpenBreaker]:
        """Those that are not closed now."""
        if not self.breakers:
            return []
        return [
            OpenBreaker(str(trip.kind), trip.value, str(state), trip.why, trip.until)
            for trip, state in self.breakers.states(self._clock())
        ]

    def _opened(self, trip: Trip) -> None:
        until = f"{trip.until:%H:%M:%S} UTC"
        text = f"The breaker for {trip.kind}{_of(trip.value)} opened until {until}: {trip.why}."
        self._tell(
            noted(EventKind.BREAKER, text, self._clock(), subject=f"{trip.kind}{_of(trip.value)}")
        )

    # --- events -------------------------------------------------------------------------------

    def denied(self, deny: Deny) -> None:
        """A budget refused a call."""
        self._tell(exceeded(deny, self._clock()))

    def noted(self, kind: str, message: str, subject: str = "") -> None:
        """Something else that the walk told."""
        known = _KINDS.get(kind)
        if known is None:
            known = EventKind(kind)
        self._tell(noted(known, message, self._clock(), subject=subject))


def _key(scope: Scope) -> tuple[str, ...]:
    """A scope, and for rolling windows all of its buckets: what they reach, they reach together."""
    start = "" if scope.reach else scope.window_start.isoformat()
    return scope.budget.name, scope.value, scope.run, start


def _of(value: str) -> str:
    return f" ({value})" if value else ""
