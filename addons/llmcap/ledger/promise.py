"""What every ledger promises, whatever keeps it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from llmcap.metering.pace import Model, Pace
from llmcap.words.records import (
    Admit,
    Balance,
    Budget,
    Call,
    Demand,
    Deny,
    Hold,
    Scope,
    Settlement,
    Wait,
)

MEMORY = ":memory:"


class Ledger(Protocol):
    """
    Where holds are kept.

    Every method is one transaction: it happens as a whole or not at all. All raise `LedgerBusy`
    where another process has the write lock and the same step may work in a moment, and another
    `LedgerError` where spending cannot be recorded; after either, nothing has changed.
    """

    def hold(
        self,
        call: Call,
        scopes: Sequence[Scope],
        demand: Demand,
        *,
        patient: bool = False,
        paced: Demand | None = None,
    ) -> Admit | Wait | Deny:
        """
        Decide, and reserve the money in every scope in the same step.

        A call that is `paced` costs what its model writes until its client goes, under the terms of
        this demand: should its proxy be killed, the time that it had bounds it. Of any other, all
        that it holds is assumed then.
        """
        ...

    def saw(self, hold: Hold, *, sure_nanos: int, sure_tokens: int, token_nanos: int) -> None:
        """
        Remember for that case what a paced call in flight has cost by now, and what a token costs.

        Nothing is written in a transaction: a proxy that is killed may have said it in vain.
        """
        ...

    def extend(self, hold: Hold, more_nanos: int, more_tokens: int) -> Hold | None:
        """Reserve more for a call in flight, in all scopes, or None and nothing."""
        ...

    def park(self, hold: Hold, response_id: str) -> None:
        """Remember that a call in flight will be paid for under this id, whoever fetches it."""
        ...

    def end(self, hold: Hold, settlement: Settlement) -> tuple[Balance, ...]:
        """
        End a hold, once: `HoldEnded` the second time. What its scopes' balances are then.

        Where another process took this one for dead and assumed the cost, this is the truth that
        was missing, and posted as a correction.
        """
        ...

    def correct(self, hold: Hold, settlement: Settlement) -> None:
        """Post the difference between what an ended hold was said to cost, and what it did."""
        ...

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        """Record a call that was not forwarded."""
        ...

    def charge_once(self, call: Call, scopes: Sequence[Scope], settlement: Settlement) -> bool:
        """
        Post usage that came with a later exchange, once per provider and response id.

        False where it was posted before. Where the call that made the response was only assumed,
        this corrects it, in the windows of that call; else it is charged to `scopes`.
        """
        ...

    def claimed(self, provider: str, response_id: str) -> Call | None:
        """The call that is paid for under this id, if one is known: its model and its time."""
        ...

    def alias(self, provider: str, response_id: str, others: Sequence[str]) -> None:
        """Let the call of a response id be known under further ids too, where it is known."""
        ...

    def keep_file(self, provider: str, file_id: str, work: str) -> None:
        """Remember what an uploaded file asks for; the oldest are forgotten."""
        ...

    def file(self, provider: str, file_id: str) -> str | None:
        """What `keep_file` was told of it, by whatever proxy; None: it was not seen."""
        ...

    def paces(self) -> Mapping[Model, Pace]:
        """How fast models were ever seen to write, by whatever proxy."""
        ...

    def keep_paces(self, fresh: Mapping[Model, Pace]) -> None:
        """Remember what was learned of them, for the case that a proxy is killed."""
        ...

    def adjust(
        self, scope: Scope, *, reset: bool = False, raise_by: int = 0, note: str = ""
    ) -> None:
        """Change a balance by hand: forget what its window has spent, or raise its cap."""
        ...

    def pause(self, budget: Budget, *, paused: bool = True, note: str = "") -> None:
        """Admit nothing under this budget, in any window, until it is called with False."""
        ...

    def name_key(self, fingerprint: str, name: str, *, note: str) -> None:
        """Give a key a name for people, or take it away with an empty one; the note says who."""
        ...

    def define(self, budgets: Sequence[Budget], *, run_id: str = "") -> None:
        """Write down what this proxy allows, for those who read the ledger without its config."""
        ...

    @property
    def recovered(self) -> Sequence[int]:
        """All holds that this ledger has taken over since it was opened, and in opening."""
        ...

    def recover(self) -> list[int]:
        """Assume the cost of the holds of processes that are gone; the ids of these holds."""
        ...

    def balances(
        self, now: datetime, budgets: Sequence[Budget], *, run_id: str = ""
    ) -> list[tuple[Scope, Balance]]:
        """Every balance that counts now, in the order of the budgets, then by value."""
        ...

    def balances_page(
        self,
        now: datetime,
        budget: Budget,
        *,
        run_id: str = "",
        after: str | None = None,
        values_max: int,
    ) -> tuple[list[tuple[Scope, Balance]], str | None]:
        """
        The balances that count now of at most so many values of a budget, those after `after`.

        With them the last value that was looked at, to go on from; None: there are no more.
        """
        ...

    def balances_of(self, hold: Hold) -> tuple[Balance, ...]:
        """The balances of a hold's scopes, in their order."""
        ...

    def audit(self) -> list[str]:
        """What is wrong with the ledger, in sentences; empty: every balance is its entries' sum."""
        ...

    def close(self) -> None:
        """Assume what is still in flight, and let go of the file."""
        ...


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)
