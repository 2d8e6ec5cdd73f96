"""
The statements by which PostgreSQL carries out one message of a node, in their order.

All go in one pipeline, so they are one round trip and one transaction. The rows of `purses` are
locked in the order of their ids before anything of theirs is read, and each later statement sees
what was committed until it began: so sums over all nodes are exact, and no two messages wait for
each other in a circle.
"""
# ruff: noqa: S608 - what is put together here is all ours

from llmcap.treasury.sizes import SHARE

# How far ahead of the treasury's clock a window may begin: a node's clock, which is set by the
# treasury's, is off by less than a round trip.
AHEAD_SECONDS = 2
# How long it is remembered that a node is short of an account.
WANTED_SECONDS = 2
# A node counts as one of those that share what is left, while it was heard from this lately; and
# what it has as money that may come back.
HEARD_SECONDS = 10

# Calls in flight are no money: the slots of a node that was not heard for so long are free again.
SLOT_SECONDS = 30

_LINE = """
    unnest(%(budget_ids)s::bigint[], %(values)s::text[], %(runs)s::text[], %(starts)s::bigint[],
        %(reaches)s::bigint[], %(spent)s::bigint[], %(kept)s::bigint[], %(least)s::bigint[],
        %(wanted)s::bigint[])
    WITH ORDINALITY AS line (budget_id, value, run, window_start, reach, spent, kept, least,
        wanted, n)
"""
_PURSE = """
    JOIN llmcap.purses AS purse ON purse.budget_id = line.budget_id AND purse.value = line.value
        AND purse.run = line.run
"""
_ACCOUNT = f"""{_PURSE}
    JOIN llmcap.accounts AS account ON account.purse_id = purse.id
        AND account.window_start = line.window_start
"""
_MINE = f"""{_ACCOUNT}
    JOIN llmcap.allotments AS mine ON mine.account_id = account.id AND mine.node_id = %(node_id)s
"""
# Whether a bucket counts together with the line's: it alone, where the window does not roll.
_NEAR = """
    near.purse_id = account.purse_id AND (near.window_start = account.window_start
        OR near.window_start > account.window_start - line.reach
        AND near.window_start < account.window_start + line.reach)
"""
_ALL_ALLOTTED = f"""
    (SELECT coalesce(sum(each.granted), 0) FROM llmcap.accounts AS near
        JOIN llmcap.allotments AS each ON each.account_id = near.id WHERE {_NEAR})
"""
_ALL_SPENT = _ALL_ALLOTTED.replace("each.granted", "each.spent")
_BY_HAND = f"""
    (SELECT coalesce(sum(near.raised), 0) FROM llmcap.accounts AS near WHERE {_NEAR})
"""
_FORGIVEN = _BY_HAND.replace("near.raised", "near.forgiven")
_LOST = f"""
    (SELECT coalesce(sum(each.granted - each.spent), 0) FROM llmcap.accounts AS near
        JOIN llmcap.allotments AS each ON each.account_id = near.id
        JOIN llmcap.nodes AS node ON node.id = each.node_id
        WHERE node.heard_at <= now() - make_interval(secs => {HEARD_SECONDS}) AND {_NEAR})
"""

# It is this node's turn, or everything ends here: no row is no turn, and dividing by it an error.
TURN = """
    WITH turn AS (
        UPDATE llmcap.nodes SET seq = seq + 1, last_id = %(id)s, heard_at = now()
        WHERE id = %(node_id)s AND epoch = %(epoch)s AND state = 'active' AND seq = %(seq)s - 1
        RETURNING 1)
    SELECT 1 / count(*) FROM turn
"""

# Accounts that are new, with the rows that they need.
OPEN = (
    f"""
    INSERT INTO llmcap.purses (budget_id, value, run)
    SELECT DISTINCT line.budget_id, line.value, line.run FROM {_LINE}
    ORDER BY line.budget_id, line.value, line.run
    ON CONFLICT (budget_id, value, run) DO NOTHING
    """,
    f"""
    INSERT INTO llmcap.accounts (purse_id, window_start)
    SELECT purse.id, line.window_start FROM {_LINE} {_PURSE}
    ORDER BY purse.id, line.window_start
    ON CONFLICT (purse_id, window_start) DO NOTHING
    """,
    f"""
    INSERT INTO llmcap.allotments (account_id, node_id)
    SELECT account.id, %(node_id)s FROM {_LINE} {_ACCOUNT} ORDER BY account.id
    ON CONFLICT (account_id, node_id) DO NOTHING
    """,
)  # fmt: skip

LOCK = f"""
    SELECT purse.id FROM {_LINE} {_PURSE} ORDER BY purse.id FOR UPDATE OF purse
"""

# What is not kept comes back; what was spent beyond it cannot be refused, and counts.
TAKE_BACK = f"""
    UPDATE llmcap.allotments AS changed
    SET granted = greatest(least(changed.granted, line.kept), line.spent), spent = line.spent
    FROM {_LINE} {_ACCOUNT}
    WHERE changed.account_id = account.id AND changed.node_id = %(node_id)s
"""

# Slots of nodes that fell silent, where somebody asks for one.
FREE_SLOTS = f"""
    UPDATE llmcap.allotments AS gone SET granted = gone.spent
    FROM {_LINE} {_ACCOUNT} JOIN llmcap.budgets AS budget ON budget.id = line.budget_id
        CROSS JOIN llmcap.nodes AS node
    WHERE line.least > 0 AND budget.unit = 'concurrent' AND gone.account_id = account.id
        AND gone.granted > gone.spent AND node.id = gone.node_id AND node.id <> %(node_id)s
        AND node.heard_at <= now() - make_interval(secs => {SLOT_SECONDS})
"""

# What a call waits for is kept for its node for a moment, so that a large call is not starved by
# small ones of other nodes; the first to be short is the first to be served.
_FRESH = f"want.at > now() - make_interval(secs => {WANTED_SECONDS})"
_RESERVED = f"""
    CASE WHEN %(last)s THEN 0 ELSE coalesce((
        SELECT want.amount FROM llmcap.wants AS want
            LEFT JOIN llmcap.wants AS own ON own.account_id = want.account_id
                AND own.node_id = %(node_id)s AND {_FRESH.replace("want.", "own.")}
        WHERE want.account_id = account.id AND want.node_id <> %(node_id)s AND {_FRESH}
            AND want.since <= coalesce(own.since, now())
        ORDER BY want.since LIMIT 1), 0) END
"""

# All lines or none; `sizes.grant` says how much.
GRANT = f"""
    WITH heard AS (
        SELECT greatest(count(*), 1) AS nodes FROM llmcap.nodes
        WHERE state = 'active' AND heard_at > now() - make_interval(secs => {HEARD_SECONDS})),
    room AS (
        SELECT account.id AS account_id, line.least, line.wanted,
            budget.paused OR NOT budget.active
                OR line.window_start > extract(epoch FROM now()) + {AHEAD_SECONDS} AS shut,
            CASE budget.unit WHEN 'concurrent' THEN 1 ELSE {SHARE} * heard.nodes END AS shares,
            budget.cap + {_BY_HAND} + {_FORGIVEN} - {_ALL_ALLOTTED} - {_RESERVED} AS free
        FROM heard CROSS JOIN {_LINE} {_ACCOUNT}
            JOIN llmcap.budgets AS budget ON budget.id = line.budget_id),
    verdict AS (
        SELECT coalesce(bool_and(NOT shut AND free >= least) FILTER (WHERE least > 0), true) AS ok
        FROM room)
    UPDATE llmcap.allotments AS mine
    SET granted = mine.granted + room.least + least(room.wanted - room.least,
        div(greatest(room.free - room.least, 0), room.shares))
    FROM room, verdict
    WHERE verdict.ok AND NOT room.shut AND room.wanted > 0
        AND mine.account_id = room.account_id AND mine.node_id = %(node_id)s
"""

_SHORT = "line.least > 0 AND mine.granted < greatest(line.kept, line.spent) + line.least"

# Others are asked to let go of what they have at hand, whether or not they are short themselves: so
# nobody sits on what somebody else could use. Of a rolling window that is in all its buckets.
WANT = f"""
    INSERT INTO llmcap.wants AS want (account_id, node_id, amount)
    SELECT near.id, %(node_id)s, max(line.least)
    FROM {_LINE} {_MINE} JOIN llmcap.accounts AS near ON {_NEAR}
    WHERE {_SHORT} GROUP BY near.id ORDER BY near.id
    ON CONFLICT (account_id, node_id) DO UPDATE SET amount = excluded.amount, at = now(),
        since = CASE WHEN {_FRESH} THEN want.since ELSE now() END
"""

# Whoever got his, or waits no longer, is short no more.
UNWANT = f"""
    DELETE FROM llmcap.wants AS want
    USING {_LINE} {_MINE} JOIN llmcap.accounts AS near ON {_NEAR}
    WHERE want.account_id = near.id AND want.node_id = %(node_id)s
        AND line.least > 0 AND NOT ({_SHORT} AND %(patient)s)
"""

FIGURES = f"""
    SELECT NOT ({_SHORT}), mine.granted, mine.spent, budget.cap, {_BY_HAND}, {_FORGIVEN},
        {_ALL_SPENT}, {_ALL_ALLOTTED}, budget.paused, {_LOST}, now()
    FROM {_LINE} {_MINE} JOIN llmcap.budgets AS budget ON budget.id = line.budget_id
    ORDER BY line.n
"""

# A sign of life; no row says that this node may not go on.
ALIVE = """
    UPDATE llmcap.nodes SET heard_at = now()
    WHERE id = %(node_id)s AND epoch = %(epoch)s AND state = 'active'
    RETURNING now(), (SELECT revision FROM llmcap.fleet)
"""

# What this node has and somebody needs: another node is short of it, or more is out than may be.
WANTED = f"""
    SELECT purse.budget_id, purse.value, purse.run, account.window_start
    FROM llmcap.allotments AS mine JOIN llmcap.accounts AS account ON account.id = mine.account_id
    JOIN llmcap.purses AS purse ON purse.id = account.purse_id
    JOIN llmcap.budgets AS budget ON budget.id = purse.budget_id
    WHERE mine.node_id = %(node_id)s AND mine.granted > mine.spent
        AND (EXISTS (SELECT 1 FROM llmcap.wants AS want WHERE want.account_id = account.id
                AND want.node_id <> %(node_id)s AND {_FRESH})
            OR budget.cap + account.raised + account.forgiven < (
                SELECT sum(each.granted) FROM llmcap.allotments AS each
                WHERE each.account_id = account.id))
"""

# What a node has of accounts whose figures at the treasury are not settled.
STILL_OPEN = """
    SELECT purse.budget_id, purse.value, purse.run, account.window_start, mine.granted, mine.spent
    FROM llmcap.allotments AS mine JOIN llmcap.accounts AS account ON account.id = mine.account_id
    JOIN llmcap.purses AS purse ON purse.id = account.purse_id
    WHERE mine.node_id = %(node_id)s AND mine.granted > mine.spent
"""
