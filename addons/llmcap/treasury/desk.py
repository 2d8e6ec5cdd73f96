"""
The node's desk: the one thread that speaks to the treasury, so that no event loop waits for it.

It joins, carries what calls ask for, tends the accounts in between, and hears the news. Calls go on
while it cannot reach the treasury, as long as their allotments last. What it may not go on after
(another proxy with this identity, a retired node) stops every call, with the reason.
"""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from itertools import batched

from llmcap.ledger.rows import seconds, text
from llmcap.treasury.asks import Ask, View
from llmcap.treasury.budgets import check_same, differences, key_of
from llmcap.treasury.clock import TreasuryClock
from llmcap.treasury.nodefile import Brought, NodeFile, Want, scope_of
from llmcap.treasury.protocol import Account, Answer, Terms, Treasury
from llmcap.treasury.tending import LINES_MAX, Tending
from llmcap.words.errors import (
    Fenced,
    LedgerBusy,
    LedgerError,
    NodeRuns,
    TreasuryError,
    TreasuryUnreachable,
)
from llmcap.words.records import Budget, Scope

TICK_MILLISECONDS = 100
NEWS_MILLISECONDS = 250
# Between two attempts to reach the treasury.
AGAIN_MILLISECONDS = 200
BUSY_MILLISECONDS = 1
VIEWS_MAX = 10_000
BATCH_MILLISECONDS = 1_000
CLOSE_SECONDS = 5


class Desk:
    """Of one proxy. `treasury` and `file` are made, and used, in its thread."""

    def __init__(
        self,
        *,
        treasury: Callable[[], Treasury],
        file: Callable[[], NodeFile],
        budgets: Sequence[Budget],
        clock: TreasuryClock,
        notify: Callable[[str], None],
        offline: bool = False,
    ) -> None:
        self._make_treasury, self._make_file = treasury, file
        self.budgets = tuple(budgets)
        self.clock = clock
        self._notify = notify
        self._offline = offline  # whether allotments of before are usable unconfirmed
        self.terms: Terms | None = None
        self.secret = b""
        self.confirmed = False
        self.stopped = ""  # why this node may not go on
        self.unfit = ""  # how its budgets differ from the treasury's
        self.unreachable = ""  # why the treasury cannot be used now
        self.reached_at = 0  # when it could be used again last (monotonic, nanoseconds)
        self.round_trips = 0
        self.views: dict[Account, View] = {}
        self.tending = Tending()
        self._wanted: frozenset[Account] = frozenset()
        self._asks: list[Ask] = []
        self._turn = threading.Condition()
        self._closing = False
        self._begun: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="treasury", daemon=True)
        self._pending: Brought | None = None
        self._other_heard_at: datetime | None = None
        self._session = secrets.token_hex(8)
        self._node_id, self._epoch = "", 0
        self._shipped = 0
        self._next_tick = self._next_news = self._next_try = self._next_batch = 0

    # --- for the proxy's own thread -----------------------------------------------------------

    def start(self) -> None:
        """
        Join, before any call comes. Raises `TreasuryError` where that cannot be.

        A node that was in the fleet before starts without a treasury that cannot be reached: its
        calls then wait until it can.
        """
        self._thread.start()
        self._begun.result()

    @property
    def usable(self) -> bool:
        """Whether what this node was allotted may be spent."""
        return self.confirmed or (self._offline and not self.stopped)

    def ask(self, asked: Ask) -> Future[None]:
        """Ask for this much; done when the treasury has answered, whatever it said."""
        with self._turn:
            self._asks.append(asked)
            self._turn.notify()
        return asked.done

    def check(self, budgets: Sequence[Budget]) -> None:
        """Whether these are the fleet's. Raises `TreasuryError`."""
        if self.terms is not None:
            check_same(budgets, self.terms)
        self.budgets = tuple(budgets)
        self.unfit = ""

    def account_of(self, scope: Scope) -> Account | None:
        """Under what the treasury counts a scope; None: it is not known to have such a budget."""
        term = self.terms.by_key.get(key_of(scope.budget)) if self.terms else None
        if term is None:
            return None
        return Account(term.id, *counted(scope))

    def close(self) -> None:
        """Give back what is at hand, and leave in good order, where the treasury can be reached."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    # --- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        treasury = self._make_treasury()
        file = None
        try:
            file = self._make_file()
            self._work(treasury, file)
        except BaseException as error:  # noqa: BLE001 - it must not end unseen
            self._stop(f"LLMCap's desk at the treasury failed: {type(error).__name__}: {error}")
            if not self._begun.done():
                self._begun.set_exception(error)
        finally:
            if file is not None:
                file.close()
            treasury.close()

    def _work(self, treasury: Treasury, file: NodeFile) -> None:
        while True:
            self._wait()
            if self._closing:
                self._leave(treasury, file)
                return
            if self.stopped:
                self._answer_all()
                continue
            try:
                self._round(treasury, file)
            except LedgerBusy:
                time.sleep(BUSY_MILLISECONDS / 1_000)
            except Fenced as error:
                self._fenced(error)
            except NodeRuns as error:
                self._other_runs(error)
            except LedgerError as error:
                self._lost(treasury, file, error)

    def _wait(self) -> None:
        """Until a call asks, the next tick, or the end; not while the treasury was just lost."""
        with self._turn:
            while not self._closing:
                now = time.monotonic_ns()
                due = max(self._next_tick, self._next_try)
                if now >= due or (self._asks and now >= self._next_try):
                    return
                self._turn.wait((due - now) / 10**9)

    # --- joining ------------------------------------------------------------------------------

    def _join(self, treasury: Treasury, file: NodeFile) -> None:
        self._pending = None
        claim = file.claim(socket.gethostname(), self._session)
        welcome = treasury.join(claim, self.budgets)
        self.clock.hear(welcome.now)
        brought = file.joined(welcome)
        self._node_id, self._epoch = claim.node_id, welcome.epoch
        self.secret = welcome.secret
        self._take(welcome.terms, file)
        pairs = dict(file.unsettled(welcome.terms, brought=brought))
        for account in welcome.open:
            if any(account.budget_id == term.id for term in welcome.terms.by_key.values()):
                pairs.setdefault(account, scope_of(account, welcome.terms))
        everything = [Want(scope, account) for account, scope in pairs.items()]
        for wants in batched(everything, LINES_MAX):
            self._exchange(treasury, file, wants)
        for want in everything:
            self.tending.known(want.account, want.scope)
        file.told(welcome.fleet_id)
        self._shipped = treasury.last_entry(self._node_id)
        self.confirmed = True
        if not self._begun.done():
            self._begun.set_result(None)

    def _take(self, terms: Terms, file: NodeFile) -> None:
        """These are the budgets of the fleet now."""
        file.pause({term.budget.name: term.paused for term in terms.by_key.values()})
        found = differences(self.budgets, terms, caps=False)
        self.terms = terms
        self.views.clear()
        unfit = (
            f"the treasury's budgets were changed, and are not those of this config: "
            f"{'; '.join(found)}\nhint: let this node's config say the same"
            if found
            else ""
        )
        if unfit and unfit != self.unfit:
            self._notify(unfit)
        self.unfit = unfit

    # --- one round ----------------------------------------------------------------------------

    def _round(self, treasury: Treasury, file: NodeFile) -> None:
        if not self.confirmed:
            self._join(treasury, file)
        if self._pending is not None:
            self._finish(treasury, file)
        now = time.monotonic_ns()
        if now >= self._next_news:
            self._hear(treasury, file)
            self._next_news = now + NEWS_MILLISECONDS * 10**6
        self._serve(treasury, file)
        if now >= self._next_tick:
            self._tend(treasury, file)
            self._next_tick = now + TICK_MILLISECONDS * 10**6
        if now >= self._next_batch:
            self._ship(treasury, file)
        self._reached()

    def _serve(self, treasury: Treasury, file: NodeFile) -> None:
        """All calls that ask for the same accounts, in one message: the first gets its need."""
        with self._turn:
            self._asks = [ask for ask in self._asks if not ask.done.cancelled()]
            asks = list(self._asks)
        while asks:
            group = [ask for ask in asks if ask.kind == asks[0].kind]
            asks = [ask for ask in asks if ask.kind != group[0].kind]
            wants = []
            for place, need in enumerate(group[0].needs):
                together = sum(ask.needs[place].amount + ask.needs[place].more for ask in group)
                ahead = self.tending.ahead(need.account, need.scope)
                wants.append(Want(need.scope, need.account, need.amount, together + ahead))
            first = group[0]
            self._exchange(treasury, file, wants, patient=first.patient, last=first.last)
            self._answer(group)

    def _tend(self, treasury: Treasury, file: NodeFile) -> None:
        pairs = self.tending.pairs()
        if not pairs:
            return
        due = self.tending.due(
            pairs, file.standings(pairs), views=self.views, wanted=self._wanted, at=self.clock()
        )
        self._wanted = frozenset()
        if due:
            self._exchange(treasury, file, due)

    def _ship(self, treasury: Treasury, file: NodeFile) -> bool:
        """The next entries, if there are any; whether more may follow."""
        batch = file.batch_after(self._shipped)
        if batch is None:
            self._next_batch = time.monotonic_ns() + BATCH_MILLISECONDS * 10**6
            return False
        treasury.keep(self._node_id, self._epoch, batch.entries)
        self._shipped = batch.last_id
        return True

    def _hear(self, treasury: Treasury, file: NodeFile) -> None:
        news = treasury.news(self._node_id, self._epoch)
        self.clock.hear(news.now)
        self._wanted = news.wanted
        if self.terms is None or news.revision != self.terms.revision:
            self._take(treasury.terms(), file)

    def _exchange(
        self, treasury: Treasury, file: NodeFile, wants: Sequence[Want], **how: bool
    ) -> Answer:
        self._pending = file.prepare(wants, **how)
        return self._finish(treasury, file)

    def _finish(self, treasury: Treasury, file: NodeFile) -> Answer:
        """Send what is pending; again, the same, for as long as it takes."""
        brought = self._pending
        assert brought is not None, "there is a message to be sent"
        self.round_trips += 1
        answer = treasury.send(self._node_id, self._epoch, brought.message)
        self.clock.hear(answer.now)
        while True:
            try:
                file.answered(brought, answer.figures)
                break
            except LedgerBusy:
                time.sleep(BUSY_MILLISECONDS / 1_000)
        self._pending = None
        now = time.monotonic_ns()
        if len(self.views) > VIEWS_MAX:
            self.views.clear()
        for line, figures in zip(brought.message.lines, answer.figures, strict=True):
            self.views[line.account] = View(figures, now)
            self.tending.said(line.account, figures)
        return answer

    # --- what goes wrong ----------------------------------------------------------------------

    def _lost(self, treasury: Treasury, file: NodeFile, error: LedgerError) -> None:
        """The treasury cannot be used now: say so once, and try again in a moment."""
        treasury.close()
        self._next_try = time.monotonic_ns() + AGAIN_MILLISECONDS * 10**6
        if not self.unreachable:
            self._notify(f"{error}")
        self.unreachable = str(error)
        if self._begun.done():
            return
        if isinstance(error, TreasuryUnreachable) and file.in_fleet():
            self._begun.set_result(None)
        else:
            self._begun.set_exception(error)
            self._closing = True

    def _reached(self) -> None:
        if self.unreachable:
            self.unreachable = ""
            self.reached_at = time.monotonic_ns()
            self._notify("the treasury is reached again")

    def _other_runs(self, error: NodeRuns) -> None:
        """One that was killed just now falls silent; one that is heard again has this identity."""
        if self._other_heard_at not in (None, error.heard_at):
            self._fenced(error)
        self._other_heard_at = error.heard_at
        self._next_try = time.monotonic_ns() + AGAIN_MILLISECONDS * 10**6

    def _fenced(self, error: TreasuryError) -> None:
        self._stop(str(error))
        if not self._begun.done():
            self._begun.set_exception(error)
            self._closing = True

    def _stop(self, why: str) -> None:
        self.stopped = why
        self.confirmed = False
        self._notify(f"this node is stopped: {why}")
        self._answer_all()

    def _answer_all(self) -> None:
        with self._turn:
            asks = list(self._asks)
        self._answer(asks)
        self._next_tick = time.monotonic_ns() + AGAIN_MILLISECONDS * 10**6

    def _answer(self, asks: Sequence[Ask]) -> None:
        with self._turn:
            self._asks = [ask for ask in self._asks if ask not in asks]
        for ask in asks:
            with contextlib.suppress(Exception):  # its call may have stopped to wait
                ask.done.set_result(None)

    def _leave(self, treasury: Treasury, file: NodeFile) -> None:
        self._answer_all()
        if not self.confirmed or self.unreachable:
            return
        try:
            if self._pending is not None:
                self._finish(treasury, file)
            for pairs in batched(self.tending.pairs(), LINES_MAX):
                wants = [
                    Want(scope, account, back=lambda has: max(has.at_hand, 0))
                    for account, scope in pairs
                ]
                self._exchange(treasury, file, wants)
            while self._ship(treasury, file):
                pass
            treasury.leave(self._node_id, self._epoch)
        except LedgerError as error:
            self._notify(f"the proxy ends without a word to the treasury: {error}")


def counted(scope: Scope) -> tuple[str, str, int]:
    """The value, run and window of a scope, as an account has them."""
    return text(scope.value) or "", text(scope.run) or "", seconds(scope.window_start)
