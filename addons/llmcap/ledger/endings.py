"""
How holds end in the SQLite ledger, and how an ending is corrected: steps within a transaction.

Only its own process ends a hold, so an assumed ending that another process wrote is a recovery: the
process seemed dead. What it settles later is better knowledge, and corrects the assumption, once.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from llmcap.ledger.pulse import LastWord
from llmcap.ledger.recovery import COLUMNS, Lost, pace_of
from llmcap.ledger.rows import Posting, Row, add, amount, micros, post, settled, spent, text
from llmcap.words.errors import HoldEnded, LedgerError
from llmcap.words.money import format_usd
from llmcap.words.records import CapUnit, Ending, EntryKind, Hold, Settlement

_TAKE = "DELETE FROM open_holds WHERE hold_id = ? RETURNING held_nanos, held_tokens"
_TAKE_ALL = f"DELETE FROM open_holds WHERE process_id = ? RETURNING {COLUMNS}"  # noqa: S608
_UNITS = """
    SELECT postings.balance_id, budgets.unit FROM postings
    JOIN balances ON balances.id = postings.balance_id
    JOIN budgets ON budgets.id = balances.budget_id
    WHERE postings.entry_id = ?
"""
_ENDING = "SELECT id, kind, process_id FROM entries WHERE ends = ?"
# What a hold's ending said and what has corrected it since: the last of them, and their sums.
_COST_SO_FAR = """
    SELECT max(id), sum(cost_nanos), sum(held_nanos), sum(held_tokens) FROM entries
    WHERE ends = :hold_id OR hold_id = :hold_id AND corrects IS NOT NULL
"""
_POSTED_SO_FAR = """
    SELECT balances.id, budgets.unit, balances.spent, sum(postings.spent), sum(postings.calls)
    FROM entries JOIN postings ON postings.entry_id = entries.id
    JOIN balances ON balances.id = postings.balance_id
    JOIN budgets ON budgets.id = balances.budget_id
    WHERE entries.ends = :hold_id OR entries.hold_id = :hold_id AND entries.corrects IS NOT NULL
    GROUP BY balances.id
"""

Unit = tuple[int, CapUnit]  # a balance and what it counts


@dataclass(frozen=True, slots=True)
class Endings:
    """Writes the endings of one process."""

    process_id: int
    clock: Callable[[], datetime]

    def end(self, db: sqlite3.Connection, hold: Hold, settlement: Settlement) -> None:
        """End a hold of this process."""
        taken = db.execute(_TAKE, (hold.id,)).fetchall()
        if taken:
            balances = zip(hold.balance_ids, hold.scopes, strict=True)
            units = [(balance_id, scope.budget.unit) for balance_id, scope in balances]
            self._post(db, hold.id, units, settlement, taken[0])
        else:
            self._end_late(db, hold, settlement)
        if settlement.response_id:
            claim(db, hold.call.provider, settlement.response_id, hold.id)

    def end_parked(self, db: sqlite3.Connection, hold_id: int, settlement: Settlement) -> bool:
        """Settle the hold of any process with usage that came under its response id, once."""
        taken = db.execute(_TAKE, (hold_id,)).fetchall()
        if taken:
            self._post(db, hold_id, _units(db, hold_id), settlement, taken[0])
            return True
        ending_id, kind, _ = db.execute(_ENDING, (hold_id,)).fetchone()
        if kind != EntryKind.ASSUMED or _is_corrected(db, ending_id):
            return False
        self._correct(db, hold_id, settlement)
        return True

    def correct(self, db: sqlite3.Connection, hold: Hold, settlement: Settlement) -> None:
        """Bring an ended hold to what this settlement says."""
        if db.execute(_ENDING, (hold.id,)).fetchone() is None:
            raise LedgerError(f"hold {hold.id} has not ended: there is nothing to correct")
        self._correct(db, hold.id, settlement)

    def assume_all(
        self, db: sqlite3.Connection, process_id: int, note: str, *, word: LastWord | None = None
    ) -> list[int]:
        """
        End a process: what it still holds may have been billed. The holds' ids.

        `word` is what it left, where that can be believed.
        """
        taken = [Lost(*row) for row in db.execute(_TAKE_ALL, (process_id,)).fetchall()]
        for lost in taken:
            hold_id, held = lost.hold_id, (lost.held_nanos, lost.held_tokens)
            settlement = lost.assumed(pace_of(db, hold_id), word, note)
            self._post(db, hold_id, _units(db, hold_id), settlement, held)
        db.execute(
            "UPDATE processes SET ended_at = ? WHERE id = ? AND ended_at IS NULL",
            (micros(self.clock()), process_id),
        )
        return [lost.hold_id for lost in taken]

    def _end_late(self, db: sqlite3.Connection, hold: Hold, settlement: Settlement) -> None:
        """The hold is not open: it was ended, or taken for lost."""
        ending = db.execute(_ENDING, (hold.id,)).fetchone()
        if ending is None:
            raise LedgerError(f"there is no hold {hold.id} (call {hold.call.id}) in this ledger")
        ending_id, kind, process_id = ending
        recovered = kind == EntryKind.ASSUMED and process_id != self.process_id
        if not recovered or _is_corrected(db, ending_id):
            raise HoldEnded(f"hold {hold.id} of call {hold.call.id} was already {kind}")
        self._correct(db, hold.id, settlement)

    def _post(
        self,
        db: sqlite3.Connection,
        hold_id: int,
        units: Iterable[Unit],
        settlement: Settlement,
        held: tuple[int, int],
    ) -> None:
        """The ending itself: the cost is spent in full, and what was held is free again."""
        nanos, tokens = held
        ending = settlement.ending
        row = Row(
            at=micros(self.clock()),
            kind=ending.value,
            process_id=self.process_id,
            hold_id=hold_id,
            ends=hold_id,
            held_nanos=nanos,
            held_tokens=tokens,
        )
        entry_id = add(db, settled(row, settlement, note=_note(settlement, nanos)))
        post(
            db,
            [
                Posting(
                    entry_id,
                    balance_id,
                    spent=spent(unit, settlement, held_nanos=nanos, held_tokens=tokens),
                    held=-amount(unit, nanos=nanos, tokens=tokens, calls=1),
                    calls=int(ending is not Ending.RELEASED),
                )
                for balance_id, unit in units
            ],
        )

    def _correct(self, db: sqlite3.Connection, hold_id: int, settlement: Settlement) -> None:
        """Post the difference between what the entries of an ended hold say, and this."""
        last_id, cost_nanos, held_nanos, held_tokens = db.execute(
            _COST_SO_FAR, {"hold_id": hold_id}
        ).fetchone()
        postings = db.execute(_POSTED_SO_FAR, {"hold_id": hold_id}).fetchall()
        row = Row(
            at=micros(self.clock()),
            kind=EntryKind.CORRECTION.value,
            process_id=self.process_id,
            hold_id=hold_id,
            corrects=last_id,
        )
        row = settled(row, settlement)._replace(cost_nanos=settlement.cost_nanos - cost_nanos)
        entry_id = add(db, row)
        calls = int(settlement.ending is not Ending.RELEASED)
        corrections = []
        for balance_id, unit, balance, posted, counted in postings:
            known = spent(CapUnit(unit), settlement, held_nanos=held_nanos, held_tokens=held_tokens)
            # A balance that was reset by hand in the meantime does not go below nothing.
            difference = max(known - posted, -balance)
            corrections.append(
                Posting(entry_id, balance_id, spent=difference, calls=calls - counted)
            )
        post(db, corrections)


def claim(db: sqlite3.Connection, provider: str, response_id: str, entry_id: int) -> None:
    """The first entry keeps a response id: some local servers use few of them, again and again."""
    db.execute(
        "INSERT OR IGNORE INTO responses (provider, response_id, entry_id) VALUES (?, ?, ?)",
        (text(provider), text(response_id), entry_id),
    )


def claimant(db: sqlite3.Connection, provider: str, response_id: str) -> tuple[int, str] | None:
    """The entry that a response id belongs to, and its kind."""
    found: tuple[int, str] | None = db.execute(
        "SELECT entries.id, entries.kind FROM responses "
        "JOIN entries ON entries.id = responses.entry_id "
        "WHERE responses.provider = ? AND responses.response_id = ?",
        (text(provider), text(response_id)),
    ).fetchone()
    return found


def _note(settlement: Settlement, held_nanos: int) -> str:
    if settlement.cost_nanos <= held_nanos:
        return settlement.note
    over = f"overrun: {format_usd(settlement.cost_nanos - held_nanos)} above its hold"
    return f"{over}; {settlement.note}" if settlement.note else over


def _units(db: sqlite3.Connection, hold_id: int) -> Sequence[Unit]:
    return [(balance_id, CapUnit(unit)) for balance_id, unit in db.execute(_UNITS, (hold_id,))]


def _is_corrected(db: sqlite3.Connection, entry_id: int) -> bool:
    found = db.execute("SELECT 1 FROM entries WHERE corrects = ?", (entry_id,)).fetchone()
    return found is not None
