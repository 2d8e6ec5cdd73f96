"""What the SQLite ledger tells of its balances and its books, without the write lock."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime

from llmcap.ledger import queries
from llmcap.ledger.accounts import Accounts, balance_of
from llmcap.ledger.belonging import node_of
from llmcap.words.records import Balance, Budget, Scope


class Balances(ABC):
    """These methods of a ledger; who inherits them has the connection. See `queries` for each."""

    _accounts: Accounts
    _process_id: int

    @abstractmethod
    def _read[Result](self, query: Callable[[sqlite3.Connection], Result]) -> Result: ...

    def balances(
        self, now: datetime, budgets: Sequence[Budget], *, run_id: str = ""
    ) -> list[tuple[Scope, Balance]]:
        """All of them: for people, and for tests."""
        return self._read(lambda db: queries.balances(db, now, budgets, run_id=run_id))

    def balances_page(
        self,
        now: datetime,
        budget: Budget,
        *,
        run_id: str = "",
        after: str | None = None,
        values_max: int,
    ) -> tuple[list[tuple[Scope, Balance]], str | None]:
        """Those of some values: for the event loop."""
        return self._read(
            lambda db: queries.balances_page(
                db, now, budget, run_id=run_id, after=after, values_max=values_max
            )
        )

    @property
    def process_id(self) -> int:
        """This proxy, as its entries name it."""
        return self._process_id

    def standing(self, scopes: Sequence[Scope]) -> tuple[Balance, ...]:
        """What counts for these scopes now."""
        ids = self._accounts.ids(scopes)
        return self._read(
            lambda db: tuple(
                [balance_of(db, each, id_) for each, id_ in zip(scopes, ids, strict=True)]
            )
        )

    def node(self) -> tuple[str, str] | None:
        """See `belonging.node_of`."""
        return self._read(node_of)

    def audit(self) -> list[str]:
        """Reads everything."""
        return self._read(queries.audit)
