"""
The schema of the SQLite ledger, as a history of named migrations.

Entries and postings are added and never changed; `balances` and `open_holds` are working tables,
kept in the same transactions, that could be made again from them. What must hold is said here and
not only in code: a hold ends once, an entry is corrected once, a balance is its postings' sum.

Money is in nano-dollars, times of entries in microseconds and starts of windows in seconds since
1970, all integers.
"""

import sqlite3
from datetime import UTC, datetime
from typing import NamedTuple

# How many migrations there are; PRAGMA user_version of a ledger that has had them all.
VERSION = 8


class Step(NamedTuple):
    """One migration: its name, which never changes, and its statements."""

    name: str
    statements: tuple[str, ...]


# Which were applied, as sqlite-utils 4.1 keeps it, whose commands then know them too. To apply them
# with it takes a tenth of a second and 10 MB that stay, for what it imports.
_APPLIED = (
    """
    CREATE TABLE IF NOT EXISTS _sqlite_migrations (
        id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT
    )
    """,
    """
    CREATE UNIQUE INDEX IF NOT EXISTS idx__sqlite_migrations_migration_set_name
        ON _sqlite_migrations (migration_set, name)
    """,
)
_SET = "llmcap"


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what a ledger has not had, within the caller's transaction."""
    for statement in _APPLIED:
        connection.execute(statement)
    had = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (_SET,))
    names = {name for (name,) in had.fetchall()}
    for step in STEPS:
        if step.name not in names:
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
                (_SET, step.name, str(datetime.now(UTC))),
            )
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _one_of(*kinds: str) -> str:
    """Not `kind IN (...)`: SQLite builds a table for that list each time it checks a row."""
    return " OR ".join(f"kind = '{kind}'" for kind in kinds)


_FIRST = ("hold", "refused", "charged")
_ENDING = ("settled", "assumed", "released")

_LEDGER = (
    # A budget is the same one as long as it counts the same way; its cap may change.
    """
    CREATE TABLE budgets (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        unit TEXT NOT NULL CHECK (unit IN ('usd', 'tokens', 'requests', 'concurrent')),
        every TEXT NOT NULL,
        per TEXT NOT NULL,
        paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
        UNIQUE (name, unit, every, per)
    ) STRICT
    """,
    """
    CREATE TABLE balances (
        id INTEGER PRIMARY KEY,
        budget_id INTEGER NOT NULL REFERENCES budgets,
        value TEXT NOT NULL,
        run TEXT NOT NULL,
        window_start INTEGER NOT NULL,
        spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
        held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
        calls INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0),
        refused INTEGER NOT NULL DEFAULT 0 CHECK (refused >= 0),
        raised INTEGER NOT NULL DEFAULT 0,
        UNIQUE (budget_id, value, run, window_start)
    ) STRICT
    """,
    # Ids are never used again: a lock file that carries one means one process.
    """
    CREATE TABLE processes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        pid INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER
    ) STRICT
    """,
    "CREATE INDEX processes_running ON processes (id) WHERE ended_at IS NULL",
    # The facts of a call are on its first entry; the later ones name that one as their hold.
    f"""
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        process_id INTEGER NOT NULL REFERENCES processes,
        hold_id INTEGER REFERENCES entries,
        ends INTEGER REFERENCES entries,
        corrects INTEGER REFERENCES entries,
        call_id TEXT,
        provider TEXT,
        endpoint TEXT,
        model TEXT,
        attributes TEXT,
        held_nanos INTEGER NOT NULL DEFAULT 0 CHECK (held_nanos >= 0),
        held_tokens INTEGER NOT NULL DEFAULT 0 CHECK (held_tokens >= 0),
        cost_nanos INTEGER NOT NULL DEFAULT 0 CHECK (cost_nanos >= 0 OR kind = 'correction'),
        usage TEXT,
        served_model TEXT,
        response_id TEXT,
        note TEXT,
        CHECK ({_one_of(*_FIRST, *_ENDING, "extension", "correction", "adjusted")}),
        CHECK ((call_id IS NOT NULL) = ({_one_of(*_FIRST)})),
        CHECK ((ends IS NOT NULL) = ({_one_of(*_ENDING)})),
        CHECK (ends IS NULL OR ends IS hold_id),
        CHECK ((corrects IS NOT NULL) = (kind = 'correction')),
        CHECK (hold_id IS NOT NULL OR kind NOT IN ('extension', 'correction')),
        CHECK (cost_nanos = 0
            OR {_one_of("settled", "assumed", "charged", "correction")})
    ) STRICT
    """,
    # A hold ends once, and an entry is corrected once: whoever tries, with whatever code.
    "CREATE UNIQUE INDEX entries_ends ON entries (ends) WHERE ends IS NOT NULL",
    "CREATE UNIQUE INDEX entries_corrects ON entries (corrects) WHERE corrects IS NOT NULL",
    "CREATE INDEX entries_corrections ON entries (hold_id) WHERE corrects IS NOT NULL",
    """
    CREATE TABLE postings (
        entry_id INTEGER NOT NULL REFERENCES entries,
        balance_id INTEGER NOT NULL REFERENCES balances,
        spent INTEGER NOT NULL,
        held INTEGER NOT NULL,
        calls INTEGER NOT NULL DEFAULT 0,
        refused INTEGER NOT NULL DEFAULT 0,
        raised INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (entry_id, balance_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER postings_are_summed AFTER INSERT ON postings BEGIN
        UPDATE balances SET spent = spent + NEW.spent, held = held + NEW.held,
            calls = calls + NEW.calls, refused = refused + NEW.refused,
            raised = raised + NEW.raised
        WHERE id = NEW.balance_id;
    END
    """,
    """
    CREATE TABLE open_holds (
        hold_id INTEGER PRIMARY KEY REFERENCES entries,
        process_id INTEGER NOT NULL REFERENCES processes,
        held_nanos INTEGER NOT NULL CHECK (held_nanos >= 0),
        held_tokens INTEGER NOT NULL CHECK (held_tokens >= 0)
    ) STRICT
    """,
    # Which entry a response was paid for with: usage that is fetched again is not charged again.
    """
    CREATE TABLE responses (
        provider TEXT NOT NULL,
        response_id TEXT NOT NULL,
        entry_id INTEGER NOT NULL REFERENCES entries,
        PRIMARY KEY (provider, response_id)
    ) STRICT, WITHOUT ROWID
    """,
    *(
        f"""
        CREATE TRIGGER {table}_are_never_{verb}d BEFORE {verb.upper()} ON {table} BEGIN
            SELECT RAISE(ABORT, '{table} are added, never changed');
        END
        """
        for table in ("entries", "postings")
        for verb in ("update", "delete")
    ),
    # One row per call, for people with SQL: what it was, how it ended, what it cost in the end.
    """
    CREATE VIEW calls AS
    SELECT first.id, first.at / 1000000 AS at, first.call_id, first.provider, first.endpoint,
        coalesce(last.served_model, first.model) AS model, first.attributes,
        coalesce(last.kind, CASE first.kind WHEN 'hold' THEN 'open' ELSE first.kind END) AS state,
        first.cost_nanos + coalesce(last.cost_nanos, 0) + coalesce((
            SELECT sum(cost_nanos) FROM entries
            WHERE hold_id = first.id AND corrects IS NOT NULL), 0) AS cost_nanos,
        coalesce(last.held_nanos, first.held_nanos) AS held_nanos,
        coalesce((
            SELECT usage FROM entries WHERE hold_id = first.id AND corrects IS NOT NULL
            ORDER BY id DESC LIMIT 1), last.usage, first.usage) AS usage,
        coalesce(last.response_id, first.response_id) AS response_id,
        coalesce(last.note, first.note) AS note
    FROM entries AS first LEFT JOIN entries AS last
        ON last.ends = first.id
    WHERE first.kind IN ('hold', 'refused', 'charged')
    """,
)

# The budgets of each proxy as it was started with them, so that what is left can be told without
# its config. They are no part of the books: the rows of a proxy that has ended make room.
_DEFINITIONS = """
    CREATE TABLE definitions (
        process_id INTEGER NOT NULL REFERENCES processes,
        position INTEGER NOT NULL,
        run TEXT NOT NULL,
        definition TEXT NOT NULL,
        PRIMARY KEY (process_id, position)
    ) STRICT, WITHOUT ROWID
"""

# See `retention`: the sums of calls whose rows are gone, by day (of UTC) and what they were about.
_TOTALS = """
    CREATE TABLE totals (
        day TEXT NOT NULL,
        provider TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        model TEXT NOT NULL,
        state TEXT NOT NULL,
        attributes TEXT NOT NULL,
        calls INTEGER NOT NULL CHECK (calls > 0),
        input_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cost_nanos INTEGER NOT NULL,
        PRIMARY KEY (day, provider, endpoint, model, state, attributes)
    ) STRICT, WITHOUT ROWID
"""

# What an uploaded file asks for at most, for the batch that will be ordered of it: sums, no text.
_FILES = (
    """
    CREATE TABLE files (
        provider TEXT NOT NULL,
        file_id TEXT NOT NULL,
        at INTEGER NOT NULL,
        work TEXT NOT NULL,
        PRIMARY KEY (provider, file_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX files_at ON files (at)",
)

# See `recovery`: of each hold when it began, and, where it is paid by what its model writes, what
# it costs for certain and what each token. And how fast each model was ever seen to write, in
# tokens a second; `longest` is in microseconds.
_PULSE = (
    *(
        f"ALTER TABLE open_holds ADD COLUMN {column} INTEGER CHECK ({column} >= 0)"
        for column in ("began", "sure_nanos", "sure_tokens", "token_nanos", "choices")
    ),
    """
    CREATE TABLE paces (
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        streams INTEGER NOT NULL,
        highest INTEGER NOT NULL,
        wholes INTEGER NOT NULL,
        highest_whole INTEGER NOT NULL,
        longest INTEGER NOT NULL,
        PRIMARY KEY (provider, model)
    ) STRICT, WITHOUT ROWID
    """,
)

# See `rollups`: sums of calls by the time of their hold. They are made from the entries by whoever
# follows them, never in a call's transaction, and could be made again but for what was pruned.
_SUMS = "".join(
    f"{name} INTEGER NOT NULL, "
    for name in (
        "calls", "refused", "assumed", "input_tokens", "cached_tokens", "output_tokens",
        "cost_nanos", "assumed_nanos",
    )
)  # fmt: skip
_ROLLUPS = (
    # The last entry that is counted.
    """
    CREATE TABLE rollup_cursor (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        entry_id INTEGER NOT NULL
    ) STRICT
    """,
    # What calls were about, each combination once: a JSON object with its names in order; and in
    # which of them an attribute has a value.
    "CREATE TABLE rollup_facts (id INTEGER PRIMARY KEY, facts TEXT NOT NULL UNIQUE) STRICT",
    """
    CREATE TABLE rollup_facts_with (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        facts_id INTEGER NOT NULL REFERENCES rollup_facts,
        PRIMARY KEY (name, value, facts_id)
    ) STRICT, WITHOUT ROWID
    """,
    # The sums of a value of an attribute. The name "" is everything, and the name "#" are the facts
    # by their id. A slot is a quarter of an hour: days begin at :30 and :45 somewhere. Days and
    # weeks of 7 x 96 slots are there for long spans of time; all are counted from 1970.
    *(
        f"CREATE TABLE {table} (name TEXT NOT NULL, value TEXT NOT NULL, {unit} INTEGER NOT NULL, "
        f"{_SUMS} PRIMARY KEY ({order})) STRICT, WITHOUT ROWID"
        for table, unit, order in (
            ("rollup_slots", "slot", "name, value, slot"),
            ("rollup_days", "day", "name, day, value"),
            ("rollup_weeks", "week", "name, week, value"),
        )
    ),
    # Between which entries the calls of a slot began.
    """
    CREATE TABLE rollup_began (
        slot INTEGER PRIMARY KEY,
        first_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL
    ) STRICT
    """,
)

# See `seals`. `entries` lists the ids and hashes of what a seal covers.
_SEALS = (
    """
    CREATE TABLE seals (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        first_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL,
        entries BLOB NOT NULL,
        hash TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE pruned_entries (
        id INTEGER PRIMARY KEY,
        carried_by INTEGER NOT NULL
    ) STRICT
    """,
    *(
        f"""
        CREATE TRIGGER seals_are_never_{verb}d BEFORE {verb.upper()} ON seals BEGIN
            SELECT RAISE(ABORT, 'seals are added, never changed');
        END
        """
        for verb in ("update", "delete")
    ),
)

# See the room `treasury`. What a node may spend is in its balances, as what was `raised`.
_NODE = """
    CREATE TABLE node (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        fleet TEXT NOT NULL,
        session TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        pending_id TEXT NOT NULL
    ) STRICT
"""

STEPS = (
    Step("m001_entries_and_balances", _LEDGER),
    Step("m002_definitions_of_budgets", (_DEFINITIONS,)),
    Step("m003_totals_of_pruned_calls", (_TOTALS,)),
    Step("m004_work_in_uploaded_files", _FILES),
    Step("m005_pulse_and_paces", _PULSE),
    Step("m006_rollups", _ROLLUPS),
    Step("m007_seals", _SEALS),
    Step("m008_node_of_a_treasury", (_NODE,)),
)
