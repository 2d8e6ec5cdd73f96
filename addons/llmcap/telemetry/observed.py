"""
A ledger whose steps somebody hears of, after they were written.

A step that raises has not happened, and is not told. Corrections of calls that have ended are not
told either: a span is over, and a histogram takes nothing back.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from llmcap.ledger import Ledger
from llmcap.telemetry.conventions import Done
from llmcap.words.records import Balance, Call, Deny, Hold, Settlement


def observed(
    ledger: Ledger, tell: Callable[[Done], None], *, clock: Callable[[], datetime]
) -> Ledger:
    """The same ledger; `tell` hears of each call that has ended. It must not wait, nor raise."""
    return cast("Ledger", _Observed(ledger, tell, clock))


class _Observed:
    """Every method but these is the ledger's own."""

    def __init__(
        self, ledger: Ledger, tell: Callable[[Done], None], clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._tell = tell
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def end(self, hold: Hold, settlement: Settlement) -> tuple[Balance, ...]:
        balances = self._ledger.end(hold, settlement)
        self._tell(Done(hold.call, self._clock(), settlement))
        return balances

    def charge_once(self, call: Call, scopes: tuple[Any, ...], settlement: Settlement) -> bool:
        charged = self._ledger.charge_once(call, scopes, settlement)
        if charged:
            self._tell(Done(call, self._clock(), settlement))
        return charged

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        self._ledger.refuse(call, deny, note=note)
        reason = "refused" if deny is None else "cap_reached"
        self._tell(Done(call, self._clock(), reason=reason))
