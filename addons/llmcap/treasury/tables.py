"""
The treasury's tables in PostgreSQL, as a history of named steps that only goes forward.

What must hold is said here and not only in code: nobody is allotted less than nothing or less than
he has spent, an account is there once, a node's entry is kept once. Plain SQL, for any server that
speaks PostgreSQL's protocol.
"""

from typing import Any

from llmcap.ledger.schema import Step
from llmcap.words.errors import TreasuryError

_TREASURY = (
    # One row: which fleet this is, the secret of its fingerprints, and how often a hand changed it.
    """
    CREATE TABLE llmcap.fleet (
        one integer PRIMARY KEY CHECK (one = 1),
        id text NOT NULL,
        secret text NOT NULL,
        revision bigint NOT NULL DEFAULT 0
    )
    """,
    # A budget is the same one as long as it counts the same way, as in the ledger. One that is out
    # of the config keeps its row, for what was spent under it.
    """
    CREATE TABLE llmcap.budgets (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        position integer NOT NULL,
        name text NOT NULL,
        unit text NOT NULL,
        every text NOT NULL,
        per text NOT NULL,
        cap bigint NOT NULL CHECK (cap >= 0),
        paused boolean NOT NULL DEFAULT false,
        active boolean NOT NULL DEFAULT true,
        definition text NOT NULL,
        UNIQUE (name, unit, every, per)
    )
    """,
    # `seq` is the last message that was carried out, `last_id` its id.
    """
    CREATE TABLE llmcap.nodes (
        id text PRIMARY KEY,
        name text NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'left', 'retired')),
        epoch bigint NOT NULL,
        session text NOT NULL,
        seq bigint NOT NULL DEFAULT 0,
        last_id text NOT NULL DEFAULT '',
        joined_at timestamptz NOT NULL DEFAULT now(),
        heard_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # What is locked: one row for each value of a budget, whatever windows it has.
    """
    CREATE TABLE llmcap.purses (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        budget_id bigint NOT NULL REFERENCES llmcap.budgets,
        value text NOT NULL,
        run text NOT NULL,
        UNIQUE (budget_id, value, run)
    )
    """,
    """
    CREATE TABLE llmcap.accounts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        purse_id bigint NOT NULL REFERENCES llmcap.purses,
        window_start bigint NOT NULL,
        raised bigint NOT NULL DEFAULT 0,
        forgiven bigint NOT NULL DEFAULT 0 CHECK (forgiven >= 0),
        wanted bigint NOT NULL DEFAULT 0,
        wanted_by text,
        wanted_at timestamptz,
        UNIQUE (purse_id, window_start)
    )
    """,
    # `granted` is all that a node may spend of an account, `spent` what it has said of that.
    """
    CREATE TABLE llmcap.allotments (
        account_id bigint NOT NULL REFERENCES llmcap.accounts,
        node_id text NOT NULL REFERENCES llmcap.nodes,
        granted bigint NOT NULL DEFAULT 0,
        spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
        PRIMARY KEY (account_id, node_id),
        CHECK (granted >= spent)
    )
    """,
    "CREATE INDEX allotments_out ON llmcap.allotments (node_id) WHERE granted > spent",
    # What was done by hand: who, when, what.
    """
    CREATE TABLE llmcap.changes (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        what text NOT NULL
    )
    """,
)

_ENTRIES = (
    # The nodes' ledgers, row for row; `id` is the node's own. `budgets` is a JSON list of what the
    # entry did to balances, so that each can be made again from them.
    """
    CREATE TABLE llmcap.entries (
        node_id text NOT NULL REFERENCES llmcap.nodes,
        id bigint NOT NULL,
        at bigint NOT NULL,
        kind text NOT NULL,
        hold_id bigint,
        ends bigint,
        corrects bigint,
        call_id text,
        provider text,
        endpoint text,
        model text,
        attributes text,
        held_nanos bigint NOT NULL,
        held_tokens bigint NOT NULL,
        cost_nanos bigint NOT NULL,
        usage text,
        served_model text,
        response_id text,
        note text,
        postings text NOT NULL,
        PRIMARY KEY (node_id, id)
    )
    """,
    "CREATE INDEX entries_at ON llmcap.entries (at)",
)

_WANTS = (
    # What calls of a node wait for of an account: since when, and when it was last said.
    """
    CREATE TABLE llmcap.wants (
        account_id bigint NOT NULL REFERENCES llmcap.accounts,
        node_id text NOT NULL REFERENCES llmcap.nodes,
        amount bigint NOT NULL,
        since timestamptz NOT NULL DEFAULT now(),
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (account_id, node_id)
    )
    """,
    """
    ALTER TABLE llmcap.accounts DROP COLUMN wanted, DROP COLUMN wanted_by, DROP COLUMN wanted_at
    """,
)

_TOLD = (
    # What people were told of the fleet, by whom, and when the same is news again (NULL: never).
    # The table of the step 003 was never used.
    "DROP TABLE IF EXISTS llmcap.told",
    """
    CREATE TABLE llmcap.told (
        key text PRIMARY KEY,
        node_id text NOT NULL REFERENCES llmcap.nodes,
        until timestamptz
    )
    """,
)

STEPS = (
    Step("001_treasury", _TREASURY),
    Step("002_entries", _ENTRIES),
    Step("003_told", ()),  # made a table, on treasuries that had the step then
    Step("003_wants", _WANTS),
    Step("004_told", _TOLD),
)


# Whether the schema is ours, and whether it has tables at all; in one look, as others may be making
# them now.
_WHOSE = """
    SELECT to_regclass('llmcap.steps') IS NOT NULL,
        EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'llmcap')
"""


def migrate(db: Any, steps: tuple[Step, ...] = STEPS) -> None:
    """
    Bring the tables to what this LLMCap knows, in the caller's transaction.

    Raises `TreasuryError` where a newer LLMCap was here, or somebody else.
    """
    known, taken = db.execute(_WHOSE).fetchone()
    if not known and taken:
        raise TreasuryError(
            "the treasury's schema `llmcap` has tables that are not LLMCap's\n"
            "hint: name another database in `treasury:`"
        )
    if not known:
        db.execute("CREATE SCHEMA IF NOT EXISTS llmcap")
        db.execute(
            "CREATE TABLE IF NOT EXISTS llmcap.steps "
            "(name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
    had = {name for (name,) in db.execute("SELECT name FROM llmcap.steps").fetchall()}
    if unknown := sorted(had - {step.name for step in steps}):
        raise TreasuryError(
            f"the treasury was changed by a newer LLMCap ({', '.join(unknown)}), which this one "
            "does not know\nhint: update LLMCap on this machine to the version of the others"
        )
    missing = [step for step in steps if step.name not in had]
    if not missing:
        return
    # Two nodes may find them missing at once: the second waits here, and then looks again.
    db.execute("LOCK TABLE llmcap.steps IN EXCLUSIVE MODE")
    had = {name for (name,) in db.execute("SELECT name FROM llmcap.steps").fetchall()}
    for step in missing:
        if step.name not in had:
            for statement in step.statements:
                db.execute(statement)
            db.execute("INSERT INTO llmcap.steps (name) VALUES (%s)", (step.name,))
