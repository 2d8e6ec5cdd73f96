"""
The treasury as people and commands meet it: what the fleet has, and what they change in it.

Each change is one transaction, is written down with what was done, and is in force at every node
within a second. A change locks what a grant locks, so none is lost between two grants.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from llmcap.budgets.budget import scope_at
from llmcap.budgets.watched import SHADOW, is_shadow
from llmcap.ledger.rows import seconds
from llmcap.treasury.budgets import key_of
from llmcap.treasury.identity import SILENT_SECONDS, is_old_copy
from llmcap.treasury.lost import Lost
from llmcap.treasury.nodefile import scope_of
from llmcap.treasury.postgres import PostgresTreasury, known_node, put_budgets, read_terms
from llmcap.treasury.protocol import Account, NodeRow, Terms
from llmcap.treasury.shipping import KEEP
from llmcap.treasury.statements import HEARD_SECONDS
from llmcap.words.errors import ConfigError, TreasuryError
from llmcap.words.records import Balance, Budget, CapUnit, Scope

# Twice as long as a node takes to tell what it has spent, while it is heard.
TELLING = timedelta(seconds=1)
AGAIN_MILLISECONDS = 100

_NODES = """
    SELECT id, name, state, epoch, heard_at FROM llmcap.nodes ORDER BY joined_at, id
"""
_KEPT = "SELECT node_id, count(*) FROM llmcap.entries GROUP BY node_id"
_HELD = """
    SELECT mine.node_id, budget.name, sum(mine.granted - mine.spent), sum(mine.spent)
    FROM llmcap.allotments AS mine JOIN llmcap.accounts AS account ON account.id = mine.account_id
    JOIN llmcap.purses AS purse ON purse.id = account.purse_id
    JOIN llmcap.budgets AS budget ON budget.id = purse.budget_id
    WHERE purse.run NOT LIKE %s
    GROUP BY mine.node_id, budget.name
"""
# Every account with its sums over the nodes, or those of one node.
_ACCOUNTS = """
    SELECT purse.budget_id, purse.value, purse.run, account.window_start, account.raised,
        account.forgiven, coalesce(sum(each.spent), 0), coalesce(sum(each.granted), 0)
    FROM llmcap.accounts AS account JOIN llmcap.purses AS purse ON purse.id = account.purse_id
    LEFT JOIN llmcap.allotments AS each ON each.account_id = account.id
        AND (%(node_id)s::text IS NULL OR each.node_id = %(node_id)s)
    WHERE purse.budget_id = %(budget_id)s
    GROUP BY purse.budget_id, purse.value, purse.run, account.window_start, account.raised,
        account.forgiven
    ORDER BY purse.value, purse.run, account.window_start
"""
_ENTRIES = """
    SELECT id, at, kind, hold_id, ends, corrects, call_id, provider, endpoint, model, attributes,
        held_nanos, held_tokens, cost_nanos, usage, served_model, response_id, note, postings
    FROM llmcap.entries WHERE node_id = %s AND id > %s ORDER BY id LIMIT %s
"""
# Nodes that run, and were not heard from since.
_UNHEARD = """
    SELECT count(*) FROM llmcap.nodes WHERE state = 'active' AND heard_at < %s
        AND heard_at > now() - make_interval(secs => %s)
"""
_LOCKED = """
    SELECT id FROM llmcap.purses WHERE budget_id = %s AND value = %s AND run = %s FOR UPDATE
"""


def state_of(node: NodeRow, *, now: datetime) -> str:
    """For people: a node that ended in order has left, one that fell silent is gone."""
    silent = (now - node.heard_at).total_seconds() >= HEARD_SECONDS
    return "silent" if node.state == "active" and silent else node.state


@dataclass(frozen=True, slots=True)
class Retired:
    """What retiring a node came to, by budget: in the unit of each cap."""

    assumed: Mapping[str, int]  # posted as spent, though nobody knows
    freed: Mapping[str, int]  # back in the treasury


class Hands:
    """One connection for commands. Every method raises `TreasuryError` with a sentence."""

    def __init__(self, url: str) -> None:
        self._treasury = PostgresTreasury(url)
        self._wire = self._treasury.wire
        self.name = self._treasury.name

    def close(self) -> None:
        """Let go of the connection."""
        self._treasury.close()

    def prepared(self) -> Self:
        """With the tables that this LLMCap knows."""
        self._treasury.prepare()
        return self

    def __enter__(self) -> Self:
        return self.prepared()

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- looking ------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The treasury's time."""
        at: datetime = self._wire.transaction(lambda db: db.execute("SELECT now()").fetchone()[0])
        return at

    def terms(self) -> Terms:
        """The budgets in force, in their order."""
        return self._treasury.terms()

    def nodes(self) -> list[NodeRow]:
        """All nodes, the first to join first."""

        def step(db: Any) -> tuple[list[Any], list[Any]]:
            return db.execute(_NODES).fetchall(), db.execute(_HELD, (f"{SHADOW}%",)).fetchall()

        rows, figures = self._wire.transaction(step)
        held: dict[str, dict[str, int]] = {}
        spent: dict[str, dict[str, int]] = {}
        for node_id, name, out, told in figures:
            held.setdefault(node_id, {})[name] = int(out)
            spent.setdefault(node_id, {})[name] = int(told)
        return [
            NodeRow(*row, held=held.get(row[0], {}), spent=spent.get(row[0], {}))  # type: ignore[misc]
            for row in rows
        ]

    def entries_kept(self) -> dict[str, int]:
        """How many entries of each node are here; it counts them all."""
        return dict(self._wire.transaction(lambda db: db.execute(_KEPT).fetchall()))

    def balances(self, *, node_id: str | None = None) -> list[tuple[Scope, Balance]]:
        """
        Every balance that counts now, of the fleet or of one node.

        As `held` what is allotted to nodes and not spent. In the order of the budgets and values.
        """
        return self._wire.transaction(lambda db: _balances(db, node_id))

    def fleet_id(self) -> str:
        """Which fleet it is."""
        found = self._wire.transaction(
            lambda db: db.execute("SELECT id FROM llmcap.fleet").fetchone()
        )
        if found is None:
            raise TreasuryError(f"no node has joined the treasury {self.name} yet")
        return str(found[0])

    def entries(self, node_id: str, *, after: int, most: int) -> list[tuple[Any, ...]]:
        """Rows of a node's ledger: the id, the columns of an entry, and its postings as JSON."""
        rows: list[tuple[Any, ...]] = self._wire.transaction(
            lambda db: db.execute(_ENTRIES, (node_id, after, most)).fetchall()
        )
        return rows

    def last_entry(self, node_id: str) -> int:
        """The last entry of a node that is here; 0: none is."""
        return self._treasury.last_entry(node_id)

    # --- changing -----------------------------------------------------------------------------

    def apply(self, budgets: Sequence[Budget], *, note: str) -> None:
        """Make these the budgets of the fleet; nodes with others refuse calls until they agree."""

        def step(db: Any) -> None:
            put_budgets(db, budgets)
            _note(db, note)

        self._wire.transaction(step)

    def raise_by(self, scope: Scope, more: int, *, note: str) -> None:
        """Add so much to a budget's cap for the present window; less than nothing lowers it."""

        def step(db: Any) -> None:
            account_id = _account(db, scope)
            db.execute(
                "UPDATE llmcap.accounts SET raised = raised + %s WHERE id = %s", (more, account_id)
            )
            _changed(db, note)

        self._wire.transaction(step)

    def reset(self, scope: Scope, *, note: str) -> None:
        """
        What the fleet has spent in the present window no longer counts: each node that is heard
        tells all of it first, which takes a second.
        """
        self._hear_all()

        def step(db: Any) -> None:
            account_id = _account(db, scope)
            start, reach = seconds(scope.window_start), seconds(scope.reach)
            db.execute(
                """
                UPDATE llmcap.accounts AS near SET forgiven = greatest(near.forgiven,
                    (SELECT coalesce(sum(spent), 0) FROM llmcap.allotments
                        WHERE account_id = near.id))
                FROM llmcap.accounts AS newest
                WHERE newest.id = %(id)s AND near.purse_id = newest.purse_id
                    AND (near.id = newest.id OR near.window_start > %(start)s - %(reach)s
                        AND near.window_start < %(start)s + %(reach)s)
                """,
                {"id": account_id, "start": start, "reach": reach},
            )
            _changed(db, note)

        self._wire.transaction(step)

    def _hear_all(self) -> None:
        """Until all nodes have told what they had spent when this began, or have fallen silent."""
        since = self.now() + TELLING
        values = (since, SILENT_SECONDS)
        while self._wire.transaction(lambda db: db.execute(_UNHEARD, values).fetchone()[0]):
            time.sleep(AGAIN_MILLISECONDS / 1_000)

    def pause(self, name: str, *, paused: bool, note: str) -> None:
        """Admit nothing under a budget, for any value, until it is resumed."""

        def step(db: Any) -> None:
            found = db.execute(
                "UPDATE llmcap.budgets SET paused = %s WHERE name = %s AND active RETURNING id",
                (paused, name),
            ).fetchall()
            if not found:
                raise ConfigError(f"the treasury has no budget named {name!r}")
            _changed(db, note)

        self._wire.transaction(step)

    def retire(self, node_id: str, *, lost: Lost | None = None) -> Retired:
        """
        A node does not come back: what it was allotted and has not told counts as spent.

        With what its newest ledger file says that it spent, only that does, and the rest is free;
        the fleet's books then have what it had not told. Its proxy, should it live after all, is
        stopped.
        """
        return self._wire.transaction(lambda db: _retire(db, node_id, lost))


# --- steps within a transaction ---------------------------------------------------------------


def _account(db: Any, scope: Scope) -> int:
    """The row of a scope's account, made if need be, with its purse locked."""
    terms = read_terms(db)
    term = terms.by_key.get(key_of(scope.budget))
    if term is None:
        raise ConfigError(f"the treasury has no budget named {scope.budget.name!r} that counts so")
    purse = (term.id, scope.value, scope.run)
    db.execute(
        "INSERT INTO llmcap.purses (budget_id, value, run) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        purse,
    )
    (purse_id,) = db.execute(_LOCKED, purse).fetchone()
    account = (purse_id, seconds(scope.window_start))
    db.execute(
        "INSERT INTO llmcap.accounts (purse_id, window_start) VALUES (%s, %s) "
        "ON CONFLICT DO NOTHING",
        account,
    )
    row: tuple[int] = db.execute(
        "SELECT id FROM llmcap.accounts WHERE purse_id = %s AND window_start = %s", account
    ).fetchone()
    return row[0]


def _balances(db: Any, node_id: str | None) -> list[tuple[Scope, Balance]]:
    terms = read_terms(db)
    (now,) = db.execute("SELECT now()").fetchone()
    found: list[tuple[Scope, Balance]] = []
    for term in terms.by_key.values():
        values = {"node_id": node_id, "budget_id": term.id}
        sums: dict[tuple[str, str], list[tuple[Scope, Balance]]] = {}
        for *account, raised, forgiven, spent, granted in db.execute(_ACCOUNTS, values).fetchall():
            scope = scope_of(Account(*account), terms)
            if is_shadow(scope):
                continue
            balance = Balance(
                spent=max(int(spent) - forgiven, 0) if node_id is None else int(spent),
                held=int(granted) - int(spent),
                raised=raised,
                paused=term.paused,
            )
            sums.setdefault((scope.value, scope.run), []).append((scope, balance))
        if not sums and not term.budget.per:
            unused = scope_at(term.budget, "", now, run_id="")
            found.append((unused, Balance(paused=term.paused)))
        found += [row for rows in sums.values() if (row := _counting(rows, now)) is not None]
    return found


def _counting(rows: list[tuple[Scope, Balance]], now: datetime) -> tuple[Scope, Balance] | None:
    """The balance that counts now of one value: of a rolling window, the sum of its buckets."""
    newest = rows[-1][0]
    rows = [row for row in rows if row[0].resets_at is None or row[0].resets_at > now]
    if not rows:
        return None
    balances = [balance for _, balance in rows]
    return newest, Balance(
        spent=sum(each.spent for each in balances),
        held=sum(each.held for each in balances),
        raised=sum(each.raised for each in balances),
        paused=balances[-1].paused,
    )


def _retire(db: Any, node_id: str, lost: Lost | None) -> Retired:
    known = known_node(db, node_id)
    if known is None:
        raise TreasuryError(f"the treasury knows no node {node_id!r}: `llmcap fleet` lists them")
    if known.state == "retired":
        raise TreasuryError(f"the node {node_id!r} was retired before")
    if lost is not None and is_old_copy(lost.claim, known):
        raise TreasuryError(
            f"this ledger is an old copy of the node {node_id}: what it does not know to be spent "
            "would be free again\nhint: use the newest file of that node, or leave out --ledger"
        )
    for entries in lost.entries if lost is not None else ():
        db.execute(KEEP, {"node_id": node_id, "epoch": known.epoch, "entries": entries})
    db.execute(
        "UPDATE llmcap.nodes SET state = 'retired', epoch = epoch + 1 WHERE id = %s", (node_id,)
    )
    db.execute(
        "SELECT purse.id FROM llmcap.purses AS purse JOIN llmcap.accounts AS account "
        "ON account.purse_id = purse.id JOIN llmcap.allotments AS mine "
        "ON mine.account_id = account.id WHERE mine.node_id = %s "
        "ORDER BY purse.id FOR UPDATE OF purse",
        (node_id,),
    )
    rows = db.execute(
        "SELECT mine.account_id, budget.name, budget.unit, purse.budget_id, purse.value, "
        "purse.run, account.window_start, mine.granted, mine.spent FROM llmcap.allotments AS mine "
        "JOIN llmcap.accounts AS account ON account.id = mine.account_id "
        "JOIN llmcap.purses AS purse ON purse.id = account.purse_id "
        "JOIN llmcap.budgets AS budget ON budget.id = purse.budget_id WHERE mine.node_id = %s",
        (node_id,),
    ).fetchall()
    assumed: dict[str, int] = {}
    freed: dict[str, int] = {}
    for account_id, name, unit, *account, granted, told in rows:
        spent = lost.spent.get(Account(*account)) if lost is not None else None
        if unit == CapUnit.CONCURRENT:  # its calls are not in flight any more
            spent = 0
        truth = granted if spent is None else spent
        if truth == granted == told:
            continue
        if spent is None:
            assumed[name] = assumed.get(name, 0) + granted - told
        else:
            freed[name] = freed.get(name, 0) + max(granted - truth, 0)
        db.execute(
            "UPDATE llmcap.allotments SET granted = %s, spent = %s "
            "WHERE account_id = %s AND node_id = %s",
            (truth, truth, account_id, node_id),
        )
    _note(db, f"node {node_id} retired" + ("" if lost is None else ", with its ledger"))
    return Retired(assumed, freed)


def _changed(db: Any, note: str) -> None:
    db.execute("UPDATE llmcap.fleet SET revision = revision + 1")
    _note(db, note)


def _note(db: Any, note: str) -> None:
    db.execute("INSERT INTO llmcap.changes (what) VALUES (%s)", (note,))
