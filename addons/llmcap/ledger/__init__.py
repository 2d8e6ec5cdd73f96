"""
The ledger: holds, their endings, and the balances of budgets. Every dollar spent is a row.

`Ledger` is what the walk needs of it; `open_ledger` opens one. SQLite is the first, and the one
that needs nothing installed: one file, shared by all proxies of a machine. A call comes in with its
scopes and its demand, and later its settlement; decisions and balances go out. A ledger never edits
a row, and never says that money was held before it is written.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from llmcap.ledger.promise import MEMORY, Ledger, utc_now

__all__ = ["MEMORY", "Ledger", "open_ledger", "utc_now"]


def open_ledger(
    path: str | Path,
    *,
    durability: str = "normal",
    patient: bool = True,
    group: int = 0,
    clock: Callable[[], datetime] = utc_now,
) -> Ledger:
    """
    Open the ledger at this path, made if need be; `:memory:` is one that vanishes when closed.

    `durability` is `normal` (survives a killed process) or `full` (a power cut too: each step then
    waits for the disk). A `patient` one waits for other processes that write, for seconds; of an
    event loop it must not be, and then no step waits for longer than a millisecond: it raises
    `LedgerBusy`, and the loop tries again. Of a `group` are the workers of one proxy. Raises
    `LedgerError`.
    """
    # Here, as a reader of the protocol needs no database.
    from llmcap.ledger.sqlite import SqliteLedger  # noqa: PLC0415

    return SqliteLedger(path, durability=durability, patient=patient, group=group, clock=clock)
