"""
Who tells people of what concerns the whole fleet: a threshold, a cap that is reached.

Each node sees it, and the first that says so to the treasury tells. Where the treasury cannot be
asked, whoever asks tells: twice is better than never.
"""

from datetime import datetime
from typing import Any

from llmcap.ledger.rows import text
from llmcap.treasury.wire import Wire
from llmcap.words.errors import TreasuryError

# The same node may say it again, as it may have died before it told.
_FIRST = """
    INSERT INTO llmcap.told AS told (key, node_id, until) VALUES (%s, %s, %s)
    ON CONFLICT (key) DO UPDATE SET node_id = excluded.node_id, until = excluded.until
        WHERE told.until <= now() OR told.node_id = excluded.node_id
    RETURNING key
"""
_OLD = "DELETE FROM llmcap.told WHERE until < now() - interval '1 day'"


class Announcer:
    """Of one node, for one thread; it connects for each question, as there are few."""

    def __init__(self, url: str, node_id: str) -> None:
        self._wire = Wire(url)
        self._node_id = node_id

    def is_first(self, key: str, until: datetime | None) -> bool:
        """Whether no other node has told of this; from then on (None: never) it is news again."""

        def step(db: Any) -> bool:
            db.execute(_OLD)
            row = db.execute(_FIRST, (text(key), self._node_id, until)).fetchone()
            return row is not None

        try:
            return self._wire.transaction(step)
        except TreasuryError:
            return True
        finally:
            self._wire.close()
