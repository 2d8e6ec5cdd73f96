"""
The treasury as a judge sees it: its tables, read beside the nodes and past their network.

The judge's own reading, not LLMCap's: only sums of what is out and of what was told.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import psycopg

from postgres_server import Server

SAMPLE_SECONDS = 0.05

_OUT = "SELECT coalesce(sum(granted), 0) FROM llmcap.allotments"
_OUT_TO = "SELECT coalesce(sum(granted), 0) FROM llmcap.allotments WHERE node_id = ANY(%s)"
_TOLD = "SELECT coalesce(sum(spent), 0) FROM llmcap.allotments"
_WHERE = """
    SELECT string_agg(said, '; ') FROM (
        SELECT format('%s (%s, heard %s s ago) had %s and told %s', node.name, node.state,
            round(extract(epoch FROM now() - node.heard_at), 1), sum(granted), sum(spent)) AS said
        FROM llmcap.allotments JOIN llmcap.nodes AS node ON node.id = node_id
        GROUP BY node.id ORDER BY node.id) AS nodes
"""
_TOLD_OF = "SELECT coalesce(sum(spent), 0) FROM llmcap.allotments WHERE node_id = %s"
_ENTRIES = "SELECT coalesce(sum(cost_nanos), 0) FROM llmcap.entries WHERE node_id = ANY(%s)"


@dataclass
class Vault:
    """`server` is whichever takes writes now."""

    server: Server
    database: str
    out_most: int = 0  # the most that was granted at any moment that was looked at

    def _ask(self, sql: str, *values: object) -> int | None:
        found = self._row(sql, *values)
        return None if found is None else int(found)

    def _row(self, sql: str, *values: object) -> Any:
        """One value; None where the server or the table is not there."""
        url = self.server.url(self.database)
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                row = connection.execute(sql.encode(), values or None).fetchone()
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return None
        assert row is not None
        return row[0]

    def where(self) -> str:
        """Who has what, in nano-dollars, for people."""
        return str(self._row(_WHERE))

    def out(self) -> int | None:
        """All that nodes have, spent or not."""
        return self._ask(_OUT)

    def out_to(self, node_ids: list[str]) -> int:
        """What these nodes have, spent or not."""
        return self._ask(_OUT_TO, node_ids) or 0

    def told(self) -> int | None:
        """What nodes have told it that they spent."""
        return self._ask(_TOLD)

    def entries_of(self, node_ids: list[str]) -> int:
        """What the entries add up to that these nodes have sent."""
        return self._ask(_ENTRIES, node_ids) or 0

    def told_of(self, node_id: str) -> int:
        """What this node has told, or is taken to have spent."""
        return self._ask(_TOLD_OF, node_id) or 0

    async def watch(self) -> None:
        """Look at what is out, again and again."""
        while True:
            found = await asyncio.to_thread(self.out)
            self.out_most = max(self.out_most, found or 0)
            await asyncio.sleep(SAMPLE_SECONDS)
