"""
The entries of a node's ledger on their way to the treasury: each once, in their order, in batches.

SQLite makes one JSON text of a batch and PostgreSQL takes it apart, so that a call costs its proxy
next to nothing for it. A batch that was lost is sent again; what is there already is left alone.
"""

import json
import sqlite3
from typing import Any, NamedTuple

BATCH = 500
# The note of an entry that changes an allotment.
NOTE = "allotment of the treasury"

# What an entry did to balances, with what names each of them everywhere; allotments are no part of
# the fleet's books.
_BATCH = """
    SELECT max(id), json_group_array(json_array(id, at, kind, hold_id, ends, corrects, call_id,
        provider, endpoint, model, attributes, held_nanos, held_tokens, cost_nanos, usage,
        served_model, response_id, note, (
            SELECT json_group_array(json_array(budgets.name, budgets.unit, budgets.every,
                budgets.per, balances.value, balances.run, balances.window_start, postings.spent,
                postings.held, postings.calls, postings.refused))
            FROM postings CROSS JOIN balances ON balances.id = postings.balance_id
            CROSS JOIN budgets ON budgets.id = balances.budget_id
            WHERE postings.entry_id = entries.id)))
        FILTER (WHERE note IS NOT :note OR kind <> 'adjusted')
    FROM (SELECT * FROM entries WHERE id > :after ORDER BY id LIMIT :batch) AS entries
"""
# A node that may not go on adds nothing; no row says so.
KEEP = """
    WITH node AS (
        SELECT id FROM llmcap.nodes WHERE id = %(node_id)s AND epoch = %(epoch)s),
    kept AS (
        INSERT INTO llmcap.entries (node_id, id, at, kind, hold_id, ends, corrects, call_id,
            provider, endpoint, model, attributes, held_nanos, held_tokens, cost_nanos, usage,
            served_model, response_id, note, postings)
        SELECT node.id, (e->>0)::bigint, (e->>1)::bigint, e->>2, (e->>3)::bigint, (e->>4)::bigint,
            (e->>5)::bigint, e->>6, e->>7, e->>8, e->>9, e->>10, (e->>11)::bigint,
            (e->>12)::bigint, (e->>13)::bigint, e->>14, e->>15, e->>16, e->>17, e->>18
        FROM node, json_array_elements(%(entries)s::json) AS e
        ON CONFLICT (node_id, id) DO NOTHING)
    SELECT count(*) FROM node
"""
LAST = "SELECT coalesce(max(id), 0) FROM llmcap.entries WHERE node_id = %(node_id)s"


class Batch(NamedTuple):
    """Entries as a JSON list of lists, and the last one that was looked at for it."""

    entries: str
    last_id: int


def batch_after(db: sqlite3.Connection, entry_id: int) -> Batch | None:
    """The next entries after this one; None: there are none."""
    values = {"after": entry_id, "batch": BATCH, "note": NOTE}
    last_id, entries = db.execute(_BATCH, values).fetchone()
    if last_id is None:
        return None
    if "\\u0000" in entries:  # which PostgreSQL does not take, and SQLite does
        entries = json.dumps(_without_nul(json.loads(entries)))
    return Batch(entries, last_id)


def _without_nul(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nul(each) for each in value]
    return value.replace("\0", "") if isinstance(value, str) else value
