"""The treasury in PostgreSQL, as a node meets it: joining, messages, news."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from llmcap.ledger.history import budget_from, definition
from llmcap.treasury import shipping, statements
from llmcap.treasury.budgets import check_same, key_of
from llmcap.treasury.identity import Joins, Known, Stops, Waits, judge
from llmcap.treasury.protocol import (
    Account,
    Answer,
    BudgetKey,
    Claim,
    Figures,
    Message,
    News,
    Term,
    Terms,
    Welcome,
)
from llmcap.treasury.tables import migrate
from llmcap.treasury.wire import Wire
from llmcap.words.errors import Fenced, NodeRuns, TreasuryError
from llmcap.words.records import Budget

SECRET_BYTES = 32

# PostgreSQL's code of the division by nothing with which a message out of turn ends.
OUT_OF_TURN = "22012"


class PostgresTreasury:
    """See `Treasury` in `protocol` for what the methods promise. For one thread."""

    def __init__(self, url: str) -> None:
        self.wire = Wire(url)
        self._opened: set[tuple[str, Account]] = set()
        self._ready = False

    @property
    def name(self) -> str:
        """Where it is, without user and password."""
        return self.wire.name

    def close(self) -> None:
        """A later use connects again."""
        self.wire.close()

    # --- joining ------------------------------------------------------------------------------

    def join(self, claim: Claim, budgets: Sequence[Budget]) -> Welcome:
        """The node's row is locked, so two that join at once do so one after the other."""
        self.prepare()
        return self.wire.transaction(lambda db: self._join(db, claim, budgets))

    def prepare(self) -> None:
        """Make the tables, or bring them to what this LLMCap knows."""
        if not self._ready:
            self.wire.transaction(migrate)
            self._ready = True

    def _join(self, db: Any, claim: Claim, budgets: Sequence[Budget]) -> Welcome:
        fleet_id, secret = _fleet(db)
        values = {"node_id": claim.node_id, "name": claim.name, "session": claim.session}
        match judge(claim, known_node(db, claim.node_id)):
            case Stops(why):
                raise Fenced(why)
            case Waits():
                raise NodeRuns(
                    f"another proxy is this node ({claim.node_id}) now: two proxies under a "
                    "treasury cannot share a ledger, nor a copy of one\nhint: give this one a "
                    "ledger of its own (llmcap_ledger, LLMCAP_LEDGER): it is then another node",
                    _heard_at(db, claim.node_id),
                )
            case Joins():
                pass
        if not db.execute("SELECT 1 FROM llmcap.budgets").fetchone():
            put_budgets(db, budgets)
        terms = read_terms(db)
        check_same(budgets, terms)
        epoch, seq, now = db.execute(
            """
            INSERT INTO llmcap.nodes (id, name, state, epoch, session)
            VALUES (%(node_id)s, %(name)s, 'active', 1, %(session)s)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = 'active',
                epoch = nodes.epoch + 1, session = excluded.session, heard_at = now(),
                joined_at = now()
            RETURNING epoch, seq, now()
            """,
            values,
        ).fetchone()
        still_open = {
            Account(*account): (granted, spent)
            for *account, granted, spent in db.execute(statements.STILL_OPEN, values).fetchall()
        }
        return Welcome(fleet_id, epoch, seq, terms, bytes.fromhex(secret), now=now, open=still_open)

    # --- messages -----------------------------------------------------------------------------

    def send(self, node_id: str, epoch: int, message: Message) -> Answer:
        """One round trip; one more where it was carried out before, or may not be."""
        lines = sorted(range(len(message.lines)), key=lambda n: message.lines[n].account)
        values = _columns(node_id, epoch, message, lines)
        accounts = {(node_id, line.account) for line in message.lines}
        is_new = not accounts <= self._opened
        try:
            steps = _steps(message, is_new=is_new)
            rows = self.wire.pipelined(lambda db: _carried_out(db, values, steps))
        except TreasuryError as error:
            if getattr(error.__cause__, "sqlstate", None) != OUT_OF_TURN:
                raise
            rows = self.wire.transaction(lambda db: _again(db, values, message))
        self._opened = accounts if len(self._opened) > 10_000 else self._opened | accounts
        figures = [_figures(row) for row in rows]
        in_order = [found for _, found in sorted(zip(lines, figures, strict=True))]
        return Answer(all(row[0] for row in rows), tuple(in_order), rows[0][-1])

    def news(self, node_id: str, epoch: int) -> News:
        """One round trip."""
        values = {"node_id": node_id, "epoch": epoch}

        def step(db: Any) -> Callable[[], tuple[Any, Any]]:
            alive = db.execute(statements.ALIVE, values)
            wanted = db.execute(statements.WANTED, values)
            return lambda: (alive.fetchone(), wanted.fetchall())

        alive, wanted = self.wire.pipelined(step)
        if alive is None:
            raise Fenced(self.wire.transaction(lambda db: _why_fenced(db, node_id, epoch)))
        return News(alive[0], alive[1], frozenset(Account(*row) for row in wanted))

    def terms(self) -> Terms:
        """All budgets that are in force."""
        return self.wire.transaction(read_terms)

    def keep(self, node_id: str, epoch: int, entries: str) -> None:
        """One round trip."""
        values = {"node_id": node_id, "epoch": epoch, "entries": entries}
        (known,) = self.wire.transaction(lambda db: db.execute(shipping.KEEP, values).fetchone())
        if not known:
            raise Fenced(self.wire.transaction(lambda db: _why_fenced(db, node_id, epoch)))

    def last_entry(self, node_id: str) -> int:
        """Read from its rows, so that it cannot be wrong."""
        row: tuple[int] = self.wire.transaction(
            lambda db: db.execute(shipping.LAST, {"node_id": node_id}).fetchone()
        )
        return row[0]

    def leave(self, node_id: str, epoch: int) -> None:
        """Its next start has to wait for nobody."""
        self.wire.transaction(
            lambda db: db.execute(
                "UPDATE llmcap.nodes SET state = 'left' WHERE id = %s AND epoch = %s "
                "AND state = 'active'",
                (node_id, epoch),
            )
        )


# --- steps within a transaction ---------------------------------------------------------------


def _steps(message: Message, *, is_new: bool) -> list[str]:
    """The statements that carry out a message, but for those that nothing in it needs."""
    asks = any(line.least for line in message.lines)
    wants = message.patient and asks
    return [
        statements.TURN,
        *(statements.OPEN if is_new else ()),
        statements.LOCK,
        statements.TAKE_BACK,
        *((statements.FREE_SLOTS,) if asks and message.slots else ()),
        statements.GRANT,
        *((statements.UNWANT,) if asks else ()),
        *((statements.WANT,) if wants else ()),
    ]


def _carried_out(
    db: Any, values: Mapping[str, Any], steps: Sequence[str]
) -> Callable[[], list[tuple[Any, ...]]]:
    for statement in steps:
        db.execute(statement, values)
    figures = db.execute(statements.FIGURES, values)
    return figures.fetchall  # type: ignore[no-any-return]


def _again(db: Any, values: Mapping[str, Any], message: Message) -> list[tuple[Any, ...]]:
    """What a message that was carried out before came to; nothing of this node moved since."""
    row = db.execute(
        "SELECT state, epoch, seq, last_id FROM llmcap.nodes WHERE id = %(node_id)s", values
    ).fetchone()
    if row != ("active", values["epoch"], message.seq, message.id):
        raise Fenced(_why_fenced(db, values["node_id"], values["epoch"]))
    found: list[tuple[Any, ...]] = db.execute(statements.FIGURES, values).fetchall()
    return found


def _why_fenced(db: Any, node_id: str, epoch: int) -> str:
    row = db.execute("SELECT state, epoch FROM llmcap.nodes WHERE id = %s", (node_id,)).fetchone()
    if row is not None and row[0] == "retired":
        return (
            f"this node ({node_id}) was retired: what it had was posted as spent\n"
            "hint: give this proxy a ledger of its own: it is then a new node"
        )
    if row is not None and row[1] > epoch:
        return (
            f"another proxy has joined as this node ({node_id}): two proxies under a treasury "
            "cannot share a ledger, nor a copy of one\n"
            "hint: end one of them and give it another ledger"
        )
    return (
        f"the treasury and this node ({node_id}) do not agree on what was said last: one of them "
        "was restored from an old copy\nhint: restore the newest copies; else give this proxy a "
        "ledger of its own, and `llmcap fleet retire` the old node"
    )


def _fleet(db: Any) -> tuple[str, str]:
    """The fleet's id and secret; made by whoever comes first."""
    db.execute(
        "INSERT INTO llmcap.fleet (one, id, secret) VALUES (1, %s, %s) ON CONFLICT DO NOTHING",
        (secrets.token_hex(8), secrets.token_hex(SECRET_BYTES)),
    )
    # Locked, so that two first nodes do not both bring budgets.
    row: tuple[str, str] = db.execute("SELECT id, secret FROM llmcap.fleet FOR UPDATE").fetchone()
    return row


def known_node(db: Any, node_id: str) -> Known | None:
    """A node as the treasury knows it, locked; None: it does not."""
    row = db.execute(
        "SELECT state, epoch, seq, last_id, session, "
        "greatest(floor(extract(epoch FROM now() - heard_at))::bigint, 0) "
        "FROM llmcap.nodes WHERE id = %s FOR UPDATE",
        (node_id,),
    ).fetchone()
    return Known(*row) if row is not None else None


def _heard_at(db: Any, node_id: str) -> datetime:
    row: tuple[datetime] = db.execute(
        "SELECT heard_at FROM llmcap.nodes WHERE id = %s", (node_id,)
    ).fetchone()
    return row[0]


def put_budgets(db: Any, budgets: Sequence[Budget]) -> None:
    """Make these the budgets of the fleet. What counts as it did keeps what was spent."""
    db.execute("UPDATE llmcap.budgets SET active = false")
    for position, budget in enumerate(budgets):
        name, unit, every, per = key_of(budget)
        db.execute(
            """
            INSERT INTO llmcap.budgets (position, name, unit, every, per, cap, definition)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (name, unit, every, per) DO UPDATE SET position = excluded.position,
                cap = excluded.cap, definition = excluded.definition, active = true
            """,
            (position, name, unit, every, per, budget.cap, definition(budget)),
        )
    db.execute("UPDATE llmcap.fleet SET revision = revision + 1")


def read_terms(db: Any) -> Terms:
    """The budgets in force, within a transaction."""
    (revision,) = db.execute("SELECT revision FROM llmcap.fleet").fetchone()
    rows = db.execute(
        "SELECT id, cap, paused, definition FROM llmcap.budgets WHERE active ORDER BY position"
    ).fetchall()
    by_key: dict[BudgetKey, Term] = {}
    for budget_id, cap, paused, written in rows:
        budget = budget_from({**json.loads(written), "cap": cap})
        by_key[key_of(budget)] = Term(budget_id, budget, paused)
    return Terms(revision, by_key)


# --- values -----------------------------------------------------------------------------------


def _columns(node_id: str, epoch: int, message: Message, order: Sequence[int]) -> dict[str, object]:
    lines = [message.lines[n] for n in order]
    return {
        "node_id": node_id,
        "epoch": epoch,
        "seq": message.seq,
        "id": message.id,
        "patient": message.patient,
        "last": message.last,
        "budget_ids": [line.account.budget_id for line in lines],
        "values": [line.account.value for line in lines],
        "runs": [line.account.run for line in lines],
        "starts": [line.account.window_start for line in lines],
        "reaches": [line.reach for line in lines],
        "spent": [line.spent for line in lines],
        "kept": [line.kept for line in lines],
        "least": [line.least for line in lines],
        "wanted": [max(line.wanted, line.least) for line in lines],
    }


def _figures(row: tuple[Any, ...]) -> Figures:
    _, granted, mine, cap, raised, forgiven, spent, allotted, paused, lost, _ = row
    return Figures(
        granted=granted, mine=mine, cap=cap, raised=int(raised), forgiven=int(forgiven),
        spent=int(spent), allotted=int(allotted), paused=paused, lost=int(lost),
    )  # fmt: skip
