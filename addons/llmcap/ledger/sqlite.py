"""
The ledger in one SQLite file, shared by the proxies of one machine.

A hold is seven short statements in one transaction, an ending six, whatever the history: balances
are read by the id of their row, and everything else is appended. What a row means is in `schema`.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from llmcap.budget import Fits, decide, fits_more
from llmcap.errors import HoldEnded, LedgerBusy, LedgerError
from llmcap.ledger import MEMORY, queries, utc_now
from llmcap.ledger.accounts import Accounts, balance_of, find_or_make_budget, spent_near
from llmcap.ledger.liveness import Lock, is_gone, lock_path
from llmcap.ledger.rows import (
    add_call,
    add_later,
    add_postings,
    amount,
    micros,
    posting,
    spent,
    text,
)
from llmcap.ledger.store import Store
from llmcap.money import NANOS_MAX, format_usd
from llmcap.records import (
    Admit,
    Balance,
    Budget,
    Call,
    CapUnit,
    Demand,
    Deny,
    Ending,
    EntryKind,
    Hold,
    Scope,
    Settlement,
    Wait,
)
from llmcap.windows import EPOCH

# How often an opening ledger asks for the write lock, 25 ms each time.
_OPEN_TRIES = 200

_KIND = {ending: EntryKind(ending.value) for ending in Ending}

_TAKE = "DELETE FROM open_holds WHERE hold_id = ? RETURNING held_nanos, held_tokens"
_TAKE_ALL = "DELETE FROM open_holds WHERE process_id = ? RETURNING hold_id, held_nanos, held_tokens"
_OTHERS = """
    SELECT id FROM processes WHERE ended_at IS NULL AND id <> :me
    UNION SELECT process_id FROM open_holds WHERE process_id <> :me
"""
_UNITS = """
    SELECT postings.balance_id, budgets.unit FROM postings
    JOIN balances ON balances.id = postings.balance_id
    JOIN budgets ON budgets.id = balances.budget_id
    WHERE postings.entry_id = ?
"""
_ENDING = """
    SELECT id, kind, process_id FROM entries
    WHERE hold_id = ? AND kind IN ('settled', 'assumed', 'released')
"""
# An entry and what has corrected it since, in order.
_CHAIN = """
    WITH RECURSIVE chain (id) AS (
        SELECT :id UNION ALL
        SELECT entries.id FROM entries JOIN chain ON entries.corrects = chain.id)
"""
_CHAIN_COST = _CHAIN + "SELECT max(id), sum(cost_nanos) FROM chain JOIN entries USING (id)"
_CHAIN_POSTINGS = (
    _CHAIN
    + """
    SELECT balances.id, budgets.unit, balances.spent, sum(postings.spent), sum(postings.calls)
    FROM chain JOIN postings ON postings.entry_id = chain.id
    JOIN balances ON balances.id = postings.balance_id
    JOIN budgets ON budgets.id = balances.budget_id
    GROUP BY balances.id
"""
)


class SqliteLedger:
    """See `llmcap.ledger.Ledger` for what the methods promise."""

    def __init__(
        self,
        path: str | Path,
        *,
        durability: str = "normal",
        clock: Callable[[], datetime] = utc_now,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self._path = None if str(path) == MEMORY else Path(path)
        self._clock = clock
        self._closed = False
        self._lock: Lock | None = None
        self._store = Store(path, durability=durability, factory=factory)
        try:
            self._accounts = Accounts(self._store)
            self._process_id = _patiently(self._register)
            with contextlib.suppress(LedgerBusy):
                self.recover()
        except BaseException:
            self._let_go()
            raise

    # --- admission ----------------------------------------------------------------------------

    def hold(
        self, call: Call, scopes: Sequence[Scope], demand: Demand, *, patient: bool = False
    ) -> Admit | Wait | Deny:
        """One transaction. What the dead hold is settled before anyone waits or goes without."""
        self._check_open()
        balance_ids = self._accounts.ids(scopes)
        decision = self._try_hold(call, tuple(scopes), balance_ids, demand, patient=patient)
        held_up = isinstance(decision, Wait) or (
            isinstance(decision, Deny) and decision.balance.held
        )
        if held_up and self.recover():
            decision = self._try_hold(call, tuple(scopes), balance_ids, demand, patient=patient)
        return decision

    def _try_hold(
        self,
        call: Call,
        scopes: tuple[Scope, ...],
        balance_ids: tuple[int, ...],
        demand: Demand,
        *,
        patient: bool,
    ) -> Admit | Wait | Deny:
        with self._store as db:
            fits = decide(_with_balances(db, scopes, balance_ids), demand, patient=patient)
            if not isinstance(fits, Fits):
                return fits
            # Without a cap in that unit, a bound may be beyond what 64 bits hold.
            nanos = min(fits.held_nanos, NANOS_MAX)
            tokens = min(fits.held_tokens, NANOS_MAX)
            hold_id = add_call(
                db,
                EntryKind.HOLD,
                call,
                process_id=self._process_id,
                held_nanos=nanos,
                held_tokens=tokens,
            )
            db.execute(
                "INSERT INTO open_holds (hold_id, process_id, held_nanos, held_tokens) "
                "VALUES (?, ?, ?, ?)",
                (hold_id, self._process_id, nanos, tokens),
            )
            add_postings(
                db,
                [
                    posting(
                        hold_id,
                        balance_id,
                        held=amount(scope.budget.unit, nanos=nanos, tokens=tokens, calls=1),
                    )
                    for scope, balance_id in zip(scopes, balance_ids, strict=True)
                ],
            )
        return Admit(Hold(hold_id, call, nanos, tokens, scopes, balance_ids), fits.output_limit)

    def extend(self, hold: Hold, more_nanos: int, more_tokens: int) -> Hold | None:
        """In the windows of the hold, whatever the time is now."""
        assert min(more_nanos, more_tokens) >= 0, (more_nanos, more_tokens)
        self._check_open()
        with self._store as db:
            scopes = _with_balances(db, hold.scopes, hold.balance_ids)
            if not fits_more(scopes, more_nanos=more_nanos, more_tokens=more_tokens):
                return None
            rows = db.execute(
                "UPDATE open_holds SET held_nanos = held_nanos + ?, held_tokens = held_tokens + ? "
                "WHERE hold_id = ? RETURNING held_nanos, held_tokens",
                (more_nanos, more_tokens, hold.id),
            ).fetchall()
            if not rows:
                raise HoldEnded(
                    f"hold {hold.id} of call {hold.call.id} has ended: nothing to extend"
                )
            entry_id = add_later(
                db,
                EntryKind.EXTENSION,
                at=self._clock(),
                process_id=self._process_id,
                hold_id=hold.id,
                held_nanos=more_nanos,
                held_tokens=more_tokens,
            )
            add_postings(
                db,
                [
                    posting(
                        entry_id,
                        balance_id,
                        held=amount(
                            scope.budget.unit, nanos=more_nanos, tokens=more_tokens, calls=0
                        ),
                    )
                    for scope, balance_id in zip(hold.scopes, hold.balance_ids, strict=True)
                ],
            )
        return replace(hold, held_nanos=rows[0][0], held_tokens=rows[0][1])

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        """Counted on the balance that decided, if one did."""
        self._check_open()
        balance_ids = self._accounts.ids((deny.scope,)) if deny is not None else ()
        if deny is not None and not note:
            note = f"refused by {deny.scope.budget.name}"
        with self._store as db:
            entry_id = add_call(db, EntryKind.REFUSED, call, process_id=self._process_id, note=note)
            add_postings(db, [posting(entry_id, each, refused=1) for each in balance_ids])

    # --- endings ------------------------------------------------------------------------------

    def park(self, hold: Hold, response_id: str) -> None:
        """The first call to claim a response id keeps it."""
        self._check_open()
        with self._store as db:
            _claim(db, hold.call.provider, response_id, hold.id)

    def end(self, hold: Hold, settlement: Settlement) -> None:
        """Post what the call cost, and give back what it held."""
        assert settlement.cost_nanos >= 0, settlement
        assert settlement.ending is not Ending.RELEASED or settlement.cost_nanos == 0, settlement
        self._check_open()
        with self._store as db:
            open_hold = db.execute(_TAKE, (hold.id,)).fetchall()
            if open_hold:
                units = [
                    (balance_id, scope.budget.unit)
                    for scope, balance_id in zip(hold.scopes, hold.balance_ids, strict=True)
                ]
                self._post_ending(db, hold.id, units, settlement, *open_hold[0])
                if settlement.response_id:
                    _claim(db, hold.call.provider, settlement.response_id, hold.id)
            else:
                self._end_late(db, hold, settlement)

    def _post_ending(
        self,
        db: sqlite3.Connection,
        hold_id: int,
        units: Sequence[tuple[int, CapUnit]],
        settlement: Settlement,
        held_nanos: int,
        held_tokens: int,
    ) -> None:
        note = settlement.note
        if settlement.cost_nanos > held_nanos:
            over = f"overrun: {format_usd(settlement.cost_nanos - held_nanos)} above its hold"
            note = f"{over}; {note}" if note else over
        entry_id = add_later(
            db,
            _KIND[settlement.ending],
            at=self._clock(),
            process_id=self._process_id,
            hold_id=hold_id,
            held_nanos=held_nanos,
            held_tokens=held_tokens,
            cost_nanos=settlement.cost_nanos,
            settlement=settlement,
            note=note,
        )
        counted = settlement.ending is not Ending.RELEASED
        add_postings(
            db,
            [
                posting(
                    entry_id,
                    balance_id,
                    spent=spent(unit, settlement, held_nanos=held_nanos, held_tokens=held_tokens),
                    held=-amount(unit, nanos=held_nanos, tokens=held_tokens, calls=1),
                    calls=counted,
                )
                for balance_id, unit in units
            ],
        )

    def _end_late(self, db: sqlite3.Connection, hold: Hold, settlement: Settlement) -> None:
        """
        The hold is not open. Only its own process ends a hold, so an ending that another process
        wrote is a recovery, made when this one seemed dead: this settlement is better knowledge.
        """
        ending = db.execute(_ENDING, (hold.id,)).fetchone()
        if ending is None:
            raise LedgerError(f"there is no hold {hold.id} (call {hold.call.id}) in this ledger")
        entry_id, kind, process_id = ending
        recovered = kind == EntryKind.ASSUMED and process_id != self._process_id
        if not recovered or _is_corrected(db, entry_id):
            raise HoldEnded(f"hold {hold.id} of call {hold.call.id} was already {kind}")
        self._post_correction(db, entry_id, hold.id, settlement)
        if settlement.response_id:
            _claim(db, hold.call.provider, settlement.response_id, hold.id)

    def correct(self, hold: Hold, settlement: Settlement) -> None:
        """In the balances that the ending was posted to; any number of times."""
        self._check_open()
        with self._store as db:
            ending = db.execute(_ENDING, (hold.id,)).fetchone()
            if ending is None:
                raise LedgerError(f"hold {hold.id} has not ended: there is nothing to correct")
            self._post_correction(db, ending[0], hold.id, settlement)

    def _post_correction(
        self, db: sqlite3.Connection, first_id: int, hold_id: int | None, settlement: Settlement
    ) -> None:
        """Bring an entry, with all that has corrected it, to what this settlement says."""
        last_id, cost_nanos = db.execute(_CHAIN_COST, {"id": first_id}).fetchone()
        postings = db.execute(_CHAIN_POSTINGS, {"id": first_id}).fetchall()
        entry_id = add_later(
            db,
            EntryKind.CORRECTION,
            at=self._clock(),
            process_id=self._process_id,
            hold_id=hold_id,
            corrects=last_id,
            cost_nanos=settlement.cost_nanos - cost_nanos,
            settlement=settlement,
            note=settlement.note,
        )
        calls = int(settlement.ending is not Ending.RELEASED)
        add_postings(
            db,
            [
                posting(
                    entry_id,
                    balance_id,
                    # A balance that was reset by hand since does not go below nothing.
                    spent=max(
                        spent(CapUnit(unit), settlement, held_nanos=0, held_tokens=0) - posted,
                        -balance,
                    ),
                    calls=calls - counted,
                )
                for balance_id, unit, balance, posted, counted in postings
            ],
        )

    def charge_once(self, call: Call, scopes: Sequence[Scope], settlement: Settlement) -> bool:
        """By the response's id; see `Ledger.charge_once`."""
        assert settlement.response_id, "a deferred usage has the id of its response"
        self._check_open()
        balance_ids = self._accounts.ids(scopes)
        with self._store as db:
            found = db.execute(
                "SELECT entries.id, entries.kind FROM responses JOIN entries "
                "ON entries.id = responses.entry_id "
                "WHERE responses.provider = ? AND responses.response_id = ?",
                (text(call.provider), text(settlement.response_id)),
            ).fetchone()
            if found is not None:
                known_id, kind = found
                return self._charge_known(db, known_id, kind, settlement)
            entry_id = add_call(
                db, EntryKind.CHARGED, call, process_id=self._process_id, settlement=settlement
            )
            _claim(db, call.provider, settlement.response_id, entry_id)
            add_postings(
                db,
                [
                    posting(
                        entry_id,
                        balance_id,
                        spent=spent(scope.budget.unit, settlement, held_nanos=0, held_tokens=0),
                        calls=1,
                    )
                    for scope, balance_id in zip(scopes, balance_ids, strict=True)
                ],
            )
        return True

    def _charge_known(
        self, db: sqlite3.Connection, entry_id: int, kind: str, settlement: Settlement
    ) -> bool:
        """The response belongs to a call that is known: pay for that call, if nobody has."""
        if kind != EntryKind.HOLD:
            return False
        units = [(each, CapUnit(unit)) for each, unit in db.execute(_UNITS, (entry_id,))]
        open_hold = db.execute(_TAKE, (entry_id,)).fetchall()
        if open_hold:
            self._post_ending(db, entry_id, units, settlement, *open_hold[0])
            return True
        ending_id, ending, _ = db.execute(_ENDING, (entry_id,)).fetchone()
        if ending != EntryKind.ASSUMED or _is_corrected(db, ending_id):
            return False
        self._post_correction(db, ending_id, entry_id, settlement)
        return True

    # --- by hand ------------------------------------------------------------------------------

    def adjust(
        self, scope: Scope, *, reset: bool = False, raise_by: int = 0, note: str = ""
    ) -> None:
        """An entry like any other: what was spent stays in the history."""
        self._check_open()
        (balance_id,) = self._accounts.ids((scope,))
        with self._store as db:
            entry_id = add_later(
                db,
                EntryKind.ADJUSTED,
                at=self._clock(),
                process_id=self._process_id,
                note=note or f"{scope.budget.name} {'reset' if reset else 'raised'} by hand",
            )
            add_postings(
                db,
                [
                    posting(
                        entry_id,
                        near_id,
                        spent=-near_spent if reset else 0,
                        raised=raise_by if near_id == balance_id else 0,
                    )
                    for near_id, near_spent in spent_near(db, scope, balance_id)
                ],
            )

    def pause(self, budget: Budget, *, paused: bool = True) -> None:
        """By name, so that a budget whose window is changed in the config stays paused."""
        self._check_open()
        with self._store as db:
            find_or_make_budget(db, Scope(budget, "", EPOCH, None))
            db.execute("UPDATE budgets SET paused = ? WHERE name = ?", (paused, text(budget.name)))
            add_later(
                db,
                EntryKind.ADJUSTED,
                at=self._clock(),
                process_id=self._process_id,
                note=f"{budget.name} {'paused' if paused else 'resumed'} by hand",
            )

    # --- processes ----------------------------------------------------------------------------

    def recover(self) -> list[int]:
        """One transaction for each process that is gone; two that try at once do it once."""
        self._check_open()
        if self._path is None:
            return []
        try:
            others = self._store.reading().execute(_OTHERS, {"me": self._process_id}).fetchall()
        except sqlite3.Error as error:
            raise self._store.explained(error) from error
        recovered: list[int] = []
        for (process_id,) in others:
            path = lock_path(self._path, process_id)
            if is_gone(path):
                recovered += self._assume_all(process_id, "recovered: its proxy was gone")
                path.unlink(missing_ok=True)
        return recovered

    def _assume_all(self, process_id: int, note: str) -> list[int]:
        """End a process: what it still holds may have been billed."""
        with self._store as db:
            open_holds = db.execute(_TAKE_ALL, (process_id,)).fetchall()
            for hold_id, held_nanos, held_tokens in open_holds:
                units = [(each, CapUnit(unit)) for each, unit in db.execute(_UNITS, (hold_id,))]
                settlement = Settlement(Ending.ASSUMED, held_nanos, note=note)
                self._post_ending(db, hold_id, units, settlement, held_nanos, held_tokens)
            db.execute(
                "UPDATE processes SET ended_at = ? WHERE id = ? AND ended_at IS NULL",
                (micros(self._clock()), process_id),
            )
        return [hold_id for hold_id, _, _ in open_holds]

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
                    self._lock = Lock(lock_path(self._path, process_id))
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
            _patiently(lambda: self._assume_all(self._process_id, "the proxy ended"))
            ended = True
        self._let_go(remove=ended)

    def _let_go(self, *, remove: bool = True) -> None:
        self._closed = True
        self._store.close()
        if self._lock is not None:
            self._lock.release(remove=remove)
            self._lock = None

    def _check_open(self) -> None:
        if self._closed:
            raise LedgerError(f"the ledger {self._path or MEMORY} is closed")

    # --- reading ------------------------------------------------------------------------------

    def balances(
        self, now: datetime, budgets: Sequence[Budget], *, run_id: str = ""
    ) -> list[tuple[Scope, Balance]]:
        """See `queries.balances`."""
        return self._read(lambda db: queries.balances(db, now, budgets, run_id=run_id))

    def balances_of(self, hold: Hold) -> tuple[Balance, ...]:
        """Read without the write lock."""
        return self._read(
            lambda db: tuple(
                [balance for _, balance in _with_balances(db, hold.scopes, hold.balance_ids)]
            )
        )

    def audit(self) -> list[str]:
        """See `queries.audit`."""
        return self._read(queries.audit)

    def _read[Result](self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        self._check_open()
        try:
            return query(self._store.reading())
        except sqlite3.Error as error:
            raise self._store.explained(error) from error


# --- helpers ----------------------------------------------------------------------------------


def _with_balances(
    db: sqlite3.Connection, scopes: Sequence[Scope], balance_ids: Sequence[int]
) -> list[tuple[Scope, Balance]]:
    return [
        (scope, balance_of(db, scope, balance_id))
        for scope, balance_id in zip(scopes, balance_ids, strict=True)
    ]


def _claim(db: sqlite3.Connection, provider: str, response_id: str, entry_id: int) -> None:
    """The first entry keeps a response id: some local servers use few of them, again and again."""
    db.execute(
        "INSERT OR IGNORE INTO responses (provider, response_id, entry_id) VALUES (?, ?, ?)",
        (text(provider), text(response_id), entry_id),
    )


def _is_corrected(db: sqlite3.Connection, entry_id: int) -> bool:
    return (
        db.execute("SELECT 1 FROM entries WHERE corrects = ?", (entry_id,)).fetchone() is not None
    )


def _patiently[Result](step: Callable[[], Result]) -> Result:
    for _ in range(_OPEN_TRIES):
        with contextlib.suppress(LedgerBusy):
            return step()
    return step()
