"""
The node's side in its own ledger file: who it is, and what it may spend of each account.

What a node may spend of an account is the `raised` of that balance, and the caps with which its
calls are decided are nothing: so the ledger decides as it always does, in the transaction in which
it holds the money, for all processes and with nothing else to keep in step. Each change of an
allotment is an entry. Money that is given up leaves here before the treasury is told, and what was
granted comes here after it was written there.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from llmcap.budgets.windows import parse_window
from llmcap.ledger.accounts import find_or_make
from llmcap.ledger.rows import Posting, Row, add, from_seconds, micros, post, seconds
from llmcap.ledger.store import Store
from llmcap.treasury.protocol import Account, Claim, Figures, Line, Message, Terms, Welcome
from llmcap.treasury.shipping import NOTE, Batch, batch_after
from llmcap.words.errors import TreasuryError
from llmcap.words.money import NANOS_MAX
from llmcap.words.records import CapUnit, EntryKind, Scope

ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """What a node has of one account, as its own ledger has it."""

    granted: int
    spent: int
    held: int

    @property
    def at_hand(self) -> int:
        """What may be spent at once; less than nothing after an overrun."""
        return self.granted - self.spent - self.held


class Want(NamedTuple):
    """What a message is to say of an account: what goes back is decided on what is there then."""

    scope: Scope
    account: Account
    need: int = 0  # so much must be at hand when the message is answered
    wanted: int = 0  # so much should be
    back: Callable[[Standing], int] | None = None


class Brought(NamedTuple):
    """A message, and what was at hand of each of its accounts when it was made."""

    message: Message
    standings: tuple[Standing, ...]
    balance_ids: tuple[int, ...]


class NodeFile:
    """The node in its ledger file. For one thread, and one process at a time."""

    def __init__(self, path: Path, process_id: int, clock: Callable[[], datetime]) -> None:
        self._store = Store(path, durability="normal", patient=True)
        self._process_id = process_id
        self._clock = clock
        self._ids: dict[Account, int] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    # --- who it is ----------------------------------------------------------------------------

    def claim(self, name: str, session: str) -> Claim:
        """
        Who this proxy is when it joins; `session` is that of this start of it.

        A ledger that was in no fleet yet is made a node: all that was spent in it is then taken for
        granted, and told.
        """
        with self._store as db:
            row = db.execute("SELECT id, session, epoch, seq, pending_id FROM node").fetchone()
            if row is None:
                row = (secrets.token_hex(ID_BYTES), "", 0, 0, "")
                db.execute(
                    "INSERT INTO node (one, id, fleet, session, epoch, seq, pending_id) "
                    "VALUES (1, ?, '', '', 0, 0, '')",
                    row[:1],
                )
                self._adopt_all(db)
            node_id, last_session, epoch, seq, pending_id = row
            db.execute("UPDATE node SET session = ?", (session,))
        return Claim(node_id, name, epoch, seq, pending_id, session, last_session)

    def joined(self, welcome: Welcome) -> bool:
        """
        Remember the epoch; whether what this ledger brought with it has still to be told.

        Raises `TreasuryError` where that is another fleet.
        """
        with self._store as db:
            (fleet,) = db.execute("SELECT fleet FROM node").fetchone()
            if fleet not in ("", welcome.fleet_id):
                raise TreasuryError(
                    f"this ledger is a node of the fleet {fleet}, and the treasury is that of "
                    f"{welcome.fleet_id}\nhint: check `treasury:`, or give this proxy a ledger of "
                    "its own: it is then a new node"
                )
            db.execute(
                "UPDATE node SET epoch = ?, seq = ?, pending_id = ''", (welcome.epoch, welcome.seq)
            )
        return not fleet

    def in_fleet(self) -> bool:
        """Whether it was ever in one, with all that it brought."""
        row = self._store.reading().execute("SELECT fleet FROM node").fetchone()
        return row is not None and bool(row[0])

    def told(self, fleet_id: str) -> None:
        """All that this ledger brought with it is known to the fleet."""
        with self._store as db:
            db.execute("UPDATE node SET fleet = ?", (fleet_id,))

    def _adopt_all(self, db: sqlite3.Connection) -> None:
        """What was spent before counts; what was raised by hand was so for one machine."""
        rows = db.execute(
            "SELECT id, spent + held - raised FROM balances WHERE spent + held <> raised"
        ).fetchall()
        self._post(db, rows)

    # --- what it may spend --------------------------------------------------------------------

    def standings(self, wants: Sequence[tuple[Account, Scope]]) -> list[Standing]:
        """What it has of these accounts, read without the write lock."""
        missing = [each for each in wants if each[0] not in self._ids]
        if missing:
            with self._store as db:
                for account, scope in missing:
                    self._ids[account] = find_or_make(db, scope)
        db = self._store.reading()
        return [_standing(db, self._ids[account]) for account, _ in wants]

    def unsettled(self, terms: Terms, *, brought: bool) -> list[tuple[Account, Scope]]:
        """
        The accounts of which this file says more than that all that was granted is spent; where it
        was `brought` into the fleet, all that it ever spent of.
        """
        rows = self._store.reading().execute(
            "SELECT budgets.name, budgets.unit, budgets.every, budgets.per, balances.value, "
            "balances.run, balances.window_start FROM balances "
            "JOIN budgets ON budgets.id = balances.budget_id "
            "WHERE raised <> spent OR held <> 0 OR spent <> 0 AND ?",
            (brought,),
        )
        found = []
        for name, unit, every, per, value, run, start in rows.fetchall():
            if term := terms.by_key.get((name, unit, every, per)):
                account = Account(term.id, value, run, start)
                found.append((account, scope_of(account, terms)))
        return found

    def prepare(
        self, wants: Iterable[Want], *, patient: bool = False, last: bool = False
    ) -> Brought:
        """The next message: what goes back leaves here first, in the same transaction."""
        message_id = secrets.token_hex(ID_BYTES)
        lines: list[Line] = []
        given: list[tuple[int, int]] = []
        standings: list[Standing] = []
        slots = False
        with self._store as db:
            for want in wants:
                slots = slots or want.scope.budget.unit is CapUnit.CONCURRENT
                balance_id = self._ids.get(want.account) or find_or_make(db, want.scope)
                self._ids[want.account] = balance_id
                has = _standing(db, balance_id)
                back = min(want.back(has), max(has.at_hand, 0)) if want.back else 0
                if back:
                    given.append((balance_id, -back))
                least = min(max(want.need - (has.at_hand - back), 0), NANOS_MAX // 4)
                more = min(max(want.wanted - (has.at_hand - back), least), NANOS_MAX // 4)
                lines.append(
                    Line(
                        want.account, _reach(want.scope), has.spent, has.granted - back,
                        least, more,
                    )
                )  # fmt: skip
                standings.append(replace(has, granted=has.granted - back))
            self._post(db, given)
            (seq,) = db.execute(
                "UPDATE node SET pending_id = ? RETURNING seq + 1", (message_id,)
            ).fetchone()
        ids = tuple(self._ids[line.account] for line in lines)
        message = Message(seq, message_id, tuple(lines), patient, last, slots)
        return Brought(message, tuple(standings), ids)

    def answered(self, brought: Brought, figures: Sequence[Figures]) -> None:
        """What the treasury wrote down is what this node may spend."""
        with self._store as db:
            changes = []
            for balance_id, said in zip(brought.balance_ids, figures, strict=True):
                has = _standing(db, balance_id)
                changes.append((balance_id, said.granted - has.granted))
            self._post(db, changes)
            db.execute(
                "UPDATE node SET seq = ?, pending_id = '' WHERE seq = ?",
                (brought.message.seq, brought.message.seq - 1),
            )

    def batch_after(self, entry_id: int) -> Batch | None:
        """See `shipping`."""
        return batch_after(self._store.reading(), entry_id)

    def pause(self, paused: Mapping[str, bool]) -> None:
        """Let these budgets, by name, be paused or not, as the treasury has it."""
        with self._store as db:
            db.executemany(
                "UPDATE budgets SET paused = ? WHERE name = ? AND paused <> ?",
                [(int(each), name, int(each)) for name, each in paused.items()],
            )

    def _post(self, db: sqlite3.Connection, changes: Sequence[tuple[int, int]]) -> None:
        """An entry that changes what may be spent of balances."""
        changes = [(balance_id, more) for balance_id, more in changes if more]
        if not changes:
            return
        row = Row(micros(self._clock()), EntryKind.ADJUSTED.value, self._process_id, note=NOTE)
        entry_id = add(db, row)
        post(db, [Posting(entry_id, balance_id, raised=more) for balance_id, more in changes])


def scope_of(account: Account, terms: Terms) -> Scope:
    """The scope that an account is about, with its whole reach."""
    budget = next(term.budget for term in terms.by_key.values() if term.id == account.budget_id)
    start = from_seconds(account.window_start)
    if budget.unit is CapUnit.CONCURRENT:
        return Scope(budget, account.value, start, None, account.run)
    window = parse_window(budget.every, budget.timezone)
    ends = window.resets_at(start)
    return Scope(budget, account.value, start, ends, account.run, window.reach)


def _reach(scope: Scope) -> int:
    """By the budget's window: a scope that a node counts by itself has no reach of its own."""
    return seconds(parse_window(scope.budget.every, scope.budget.timezone).reach)


def _standing(db: sqlite3.Connection, balance_id: int) -> Standing:
    row = db.execute(
        "SELECT raised, spent, held FROM balances WHERE id = ?", (balance_id,)
    ).fetchone()
    return Standing(*row)
