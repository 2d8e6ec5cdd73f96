"""
The ledger in one SQLite file, shared by the proxies of one machine.

A hold is a transaction of six short statements under one budget, an ending of five, whatever the
history: balances are read by the id of their row, and everything else is appended. What a row means
is in `schema`, how holds end in `endings`.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from llmcap.budgets.budget import Fits, decide, fits_more
from llmcap.budgets.watched import shadows_of
from llmcap.budgets.windows import EPOCH
from llmcap.ledger import history
from llmcap.ledger.accounts import Accounts, find_or_make_budget, freed_at, near, with_balances
from llmcap.ledger.balances import Balances
from llmcap.ledger.belonging import refuse_node
from llmcap.ledger.endings import Endings, claim, claimant
from llmcap.ledger.liveness import Lock, in_use, is_gone, lock_path
from llmcap.ledger.memory import Memory
from llmcap.ledger.promise import MEMORY, utc_now
from llmcap.ledger.pulse import Pulse, last_word
from llmcap.ledger.recovery import EXTEND, OPEN, OTHERS, columns_of
from llmcap.ledger.rows import Posting, Row, add, amount, call_row, micros, post, settled, spent
from llmcap.ledger.rows import text as clean
from llmcap.ledger.store import Store, patiently
from llmcap.ledger.writers.turns import turns_path
from llmcap.words.errors import HoldEnded, LedgerBusy, LedgerError
from llmcap.words.money import NANOS_MAX
from llmcap.words.paths import make_private
from llmcap.words.records import (
    Admit,
    Balance,
    Budget,
    Call,
    Demand,
    Deny,
    Ending,
    EntryKind,
    Hold,
    Scope,
    Settlement,
    Wait,
)


class SqliteLedger(Memory, Balances):
    """See `Ledger` in `promise` for what the methods promise."""

    def __init__(
        self,
        path: str | Path,
        *,
        durability: str = "normal",
        patient: bool = False,
        group: int = 0,
        clock: Callable[[], datetime] = utc_now,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        """`patient`, `group`: see `open_ledger`."""
        self._group = group
        self._path = None if str(path) == MEMORY else Path(path)
        self._clock = clock
        self._closed = False
        self._recovered: list[int] = []
        self._lock: Lock | None = None
        self._pulse = Pulse(clock)
        self._defined = False
        self._store = Store(path, durability=durability, patient=patient, factory=factory)
        try:
            self._accounts = Accounts(self._store)
            self._process_id = patiently(self._register)
            self._endings = Endings(self._process_id, clock)
            with contextlib.suppress(LedgerBusy):
                self.recover()
        except BaseException:
            self._let_go(remove=True)
            raise

    # --- admission ----------------------------------------------------------------------------

    def hold(
        self,
        call: Call,
        scopes: Sequence[Scope],
        demand: Demand,
        *,
        patient: bool = False,
        paced: Demand | None = None,
        would: tuple[tuple[Scope, ...], str] | None = None,
    ) -> Admit | Wait | Deny:
        """
        What a dead proxy holds is settled before anyone waits for it, or goes without.

        `would` is what `Accounts.judged` says, where somebody knows it better: a node of a fleet.
        """
        self._check_open()
        scopes = tuple(scopes)
        balance_ids = self._accounts.ids(scopes)
        self._accounts.ids(shadows_of(scopes))  # those of watched budgets are there from here on
        attempt = partial(
            self._try_hold, call, scopes, balance_ids, demand, patient=patient, paced=paced,
            would=would,
        )  # fmt: skip
        decision = attempt()
        held_up = isinstance(decision, Wait) or (
            isinstance(decision, Deny) and decision.balance.held > 0
        )
        if held_up and self.recover():
            decision = attempt()
        if isinstance(decision, Admit):
            self._pulse.opened(decision.hold.id)
        return decision

    def _try_hold(
        self,
        call: Call,
        scopes: tuple[Scope, ...],
        balance_ids: tuple[int, ...],
        demand: Demand,
        *,
        patient: bool,
        paced: Demand | None,
        would: tuple[tuple[Scope, ...], str] | None,
    ) -> Admit | Wait | Deny:
        row = call_row(EntryKind.HOLD, call, process_id=self._process_id)
        lost = columns_of(paced, self._clock())
        with self._store as db:
            decision = decide(with_balances(db, scopes, balance_ids), demand, patient=patient)
            if isinstance(decision, Deny):
                return _with_reset(db, decision, scopes, balance_ids)
            if not isinstance(decision, Fits):
                return decision
            # Without a cap in that unit, a bound may be beyond what 64 bits hold.
            nanos = min(decision.held_nanos, NANOS_MAX)
            tokens = min(decision.held_tokens, NANOS_MAX)
            shadows, note = would or self._accounts.judged(db, scopes, demand)
            scopes, balance_ids = (*scopes, *shadows), (*balance_ids, *self._accounts.ids(shadows))
            note = "; ".join(filter(None, (note, decision.note)))
            row = row._replace(held_nanos=nanos, held_tokens=tokens, note=clean(note) or None)
            hold_id = add(db, row)
            hold = Hold(hold_id, call, nanos, tokens, scopes, balance_ids)
            db.execute(OPEN, (self._process_id, hold_id, nanos, tokens, *lost))
            _post_held(db, hold_id, hold, nanos=nanos, tokens=tokens, calls=1)
        return Admit(hold, decision.output_limit)

    def extend(self, hold: Hold, more_nanos: int, more_tokens: int) -> Hold | None:
        """In the windows of the hold, whatever the time is now."""
        assert min(more_nanos, more_tokens) >= 0, (more_nanos, more_tokens)
        self._check_open()
        with self._store as db:
            scopes = with_balances(db, hold.scopes, hold.balance_ids)
            if not fits_more(scopes, more_nanos=more_nanos, more_tokens=more_tokens):
                return None
            held = db.execute(EXTEND, (more_nanos, more_tokens, hold.id)).fetchall()
            if not held:
                raise HoldEnded(f"hold {hold.id} of call {hold.call.id} has ended")
            row = self._row(EntryKind.EXTENSION)._replace(
                hold_id=hold.id, held_nanos=more_nanos, held_tokens=more_tokens
            )
            entry_id = add(db, row)
            _post_held(db, entry_id, hold, nanos=more_nanos, tokens=more_tokens, calls=0)
        return replace(hold, held_nanos=held[0][0], held_tokens=held[0][1])

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        """Counted on the balance that decided, if one did."""
        self._check_open()
        balance_ids = self._accounts.ids((deny.scope,)) if deny is not None else ()
        if deny is not None and not note:
            note = f"refused by {deny.scope.budget.name}"
        row = call_row(EntryKind.REFUSED, call, process_id=self._process_id)
        with self._store as db:
            entry_id = add(db, row._replace(note=clean(note) or None))
            post(db, [Posting(entry_id, balance_id, refused=1) for balance_id in balance_ids])

    # --- endings ------------------------------------------------------------------------------

    def park(self, hold: Hold, response_id: str) -> None:
        """The first call to claim a response id keeps it."""
        self._check_open()
        with self._store as db:
            claim(db, hold.call.provider, response_id, hold.id)

    def end(self, hold: Hold, settlement: Settlement) -> tuple[Balance, ...]:
        """Post what the call cost, and give back what it held; what that makes of its balances."""
        assert settlement.cost_nanos >= 0, settlement
        assert settlement.ending is not Ending.RELEASED or settlement.cost_nanos == 0, settlement
        self._check_open()
        with self._store as db:
            self._endings.end(db, hold, settlement)
            balances = _balances(db, hold)
        self._pulse.ended(hold.id)
        return balances

    def correct(self, hold: Hold, settlement: Settlement) -> None:
        """In the balances that the ending was posted to; any number of times."""
        self._check_open()
        with self._store as db:
            self._endings.correct(db, hold, settlement)

    def charge_once(self, call: Call, scopes: Sequence[Scope], settlement: Settlement) -> bool:
        """By the response's id, which belongs to a call that is known, or to this one."""
        assert settlement.response_id, "a deferred usage has the id of its response"
        self._check_open()
        balance_ids = self._accounts.ids(scopes)
        with self._store as db:
            found = claimant(db, call.provider, settlement.response_id)
            if found is not None:
                entry_id, kind = found
                self._pulse.ended(entry_id)
                return kind == EntryKind.HOLD and self._endings.end_parked(db, entry_id, settlement)
            row = call_row(EntryKind.CHARGED, call, process_id=self._process_id)
            entry_id = add(db, settled(row, settlement))
            claim(db, call.provider, settlement.response_id, entry_id)
            units = [scope.budget.unit for scope in scopes]
            postings = [
                Posting(entry_id, balance_id, spent=spent(unit, settlement), calls=1)
                for unit, balance_id in zip(units, balance_ids, strict=True)
            ]
            post(db, postings)
        return True

    # --- by hand ------------------------------------------------------------------------------

    def adjust(
        self, scope: Scope, *, reset: bool = False, raise_by: int = 0, note: str = ""
    ) -> None:
        """An entry like any other: what was spent stays in the history."""
        self._check_open()
        (balance_id,) = self._accounts.ids((scope,))
        done = "reset" if reset else "raised"
        with self._store as db:
            refuse_node(db)
            entry_id = self._add_note(db, note or f"{scope.budget.name} {done} by hand")
            postings = [
                Posting(
                    entry_id,
                    near_id,
                    spent=-near_spent if reset else 0,
                    raised=raise_by if near_id == balance_id else 0,
                )
                for near_id, _, near_spent, _, _ in near(db, scope, balance_id)
            ]
            post(db, postings)

    def pause(self, budget: Budget, *, paused: bool = True, note: str = "") -> None:
        """By name, so that a budget whose window is changed in the config stays paused."""
        self._check_open()
        with self._store as db:
            refuse_node(db)
            find_or_make_budget(db, Scope(budget, "", EPOCH, None))
            name = clean(budget.name)
            db.execute("UPDATE budgets SET paused = ? WHERE name = ?", (paused, name))
            done = "paused" if paused else "resumed"
            self._add_note(db, note or f"{budget.name} {done} by hand")

    def define(self, budgets: Sequence[Budget], *, run_id: str = "") -> None:
        """See `history.definitions`. The first time it waits, as a part of the opening."""
        self._check_open()
        define = partial(self._define, budgets, run_id)
        if self._defined:
            define()
        else:
            patiently(define)
            self._defined = True

    def _define(self, budgets: Sequence[Budget], run_id: str) -> None:
        with self._store as db:
            history.define(db, self._process_id, budgets, run_id=run_id)

    def _add_note(self, db: sqlite3.Connection, note: str) -> int:
        return add(db, self._row(EntryKind.ADJUSTED)._replace(note=clean(note)))

    def _row(self, kind: EntryKind) -> Row:
        return Row(micros(self._clock()), kind.value, self._process_id)

    # --- processes ----------------------------------------------------------------------------

    def recover(self) -> list[int]:
        """One transaction for each process that is gone; two that try at once do it once."""
        self._check_open()
        if self._path is None:
            return []
        others = self._read(lambda db: db.execute(OTHERS, {"me": self._process_id}).fetchall())
        recovered: list[int] = []
        for (process_id,) in others:
            path = lock_path(self._path, process_id)
            if is_gone(path):
                word = last_word(path, now=self._clock())
                with self._store as db:
                    note = "recovered: its proxy was gone"
                    recovered += self._endings.assume_all(db, process_id, note, word=word)
                with contextlib.suppress(OSError):
                    path.unlink()
        self._recovered += recovered
        return recovered

    @property
    def recovered(self) -> Sequence[int]:
        """Whoever asked for it: the opening, a call that was held up, or the housekeeping."""
        return self._recovered

    def _register(self) -> int:
        """This process, with its lock taken before any other can see it."""
        try:
            with self._store as db:
                process_id = db.execute(
                    "INSERT INTO processes (pid, started_at) VALUES (?, ?)",
                    (os.getpid(), micros(self._clock())),
                ).lastrowid
                assert process_id is not None, "an INSERT has a row id"
                if self._path is not None:
                    self._lock = Lock(lock_path(self._path, process_id), group=self._group)
                    self._pulse.start(lock_path(self._path, process_id))
                    make_private(str(turns_path(self._path)))
        except OSError as error:
            raise LedgerError(
                f"the ledger {self._path}: its lock file cannot be made: {error.strerror}\n"
                "hint: name a ledger in a folder of a local disk that you may write to"
            ) from error
        return process_id

    def close(self) -> None:
        """What cannot be written now, the next proxy recovers."""
        if self._closed:
            return
        ended = False
        with contextlib.suppress(LedgerError):
            patiently(self._assume_own)
            ended = True
        self._let_go(remove=ended)

    def _assume_own(self) -> None:
        with self._store as db:
            self._endings.assume_all(db, self._process_id, "the proxy ended")

    def _let_go(self, *, remove: bool) -> None:
        self._closed = True
        self._store.close()
        self._pulse.stop()
        if self._lock is not None:
            self._lock.release(remove=remove)
            self._lock = None
            if self._path is not None and not in_use(self._path):
                with contextlib.suppress(OSError):
                    turns_path(self._path).unlink()

    def _check_open(self) -> None:
        if self._closed:
            raise LedgerError(f"the ledger {self._path or MEMORY} is closed")

    # --- reading ------------------------------------------------------------------------------

    def balances_of(self, hold: Hold) -> tuple[Balance, ...]:
        """Read without the write lock."""
        return self._read(lambda db: _balances(db, hold))

    def _read[Result](self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        self._check_open()
        try:
            return query(self._store.reading())
        except sqlite3.Error as error:
            raise self._store.explained(error) from error


# --- helpers ----------------------------------------------------------------------------------


def _balances(db: sqlite3.Connection, hold: Hold) -> tuple[Balance, ...]:
    return tuple([balance for _, balance in with_balances(db, hold.scopes, hold.balance_ids)])


def _with_reset(
    db: sqlite3.Connection, deny: Deny, scopes: Sequence[Scope], balance_ids: Sequence[int]
) -> Deny:
    """The same denial, saying when a rolling window will carry the call."""
    if not deny.scope.reach:
        return deny
    balance_id = balance_ids[scopes.index(deny.scope)]
    resets_at = freed_at(db, deny.scope, balance_id, needed=deny.needed)
    return replace(deny, scope=replace(deny.scope, resets_at=resets_at))


def _post_held(
    db: sqlite3.Connection, entry_id: int, hold: Hold, *, nanos: int, tokens: int, calls: int
) -> None:
    """Reserve this much more in every balance of a hold."""
    units = [scope.budget.unit for scope in hold.scopes]
    postings = [
        Posting(entry_id, balance_id, held=amount(unit, nanos=nanos, tokens=tokens, calls=calls))
        for unit, balance_id in zip(units, hold.balance_ids, strict=True)
    ]
    post(db, postings)
