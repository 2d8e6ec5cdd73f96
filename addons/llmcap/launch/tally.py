"""
What the calls of one proxy cost, counted as they pass into its ledger.

A ledger may be shared with other proxies and hold years of calls; this counts those of one run.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from llmcap.budgets.budget import describe
from llmcap.ledger import Ledger
from llmcap.words.money import usd_string
from llmcap.words.records import Balance, Call, CapUnit, Deny, Ending, Hold, Scope, Settlement

# The note of a settlement whose stream was cut begins so; `flight` writes it.
CUT = "cut:"


@dataclass(slots=True)
class Tally:
    """The counts. Changed by the thread of the proxy only, read when it has ended."""

    calls: int = 0
    cost_by_model: Counter[str] = field(default_factory=Counter)  # nano-dollars
    calls_by_model: Counter[str] = field(default_factory=Counter)
    cost_by_session: Counter[str] = field(default_factory=Counter)  # of agents that name theirs
    assumed: int = 0  # calls whose cost is a bound, as their outcome is not known
    cut: int = 0
    refused: int = 0  # by a budget
    rejected: int = 0  # for another reason: no price, no endpoint, ...
    refused_by: Counter[str] = field(default_factory=Counter)  # budget
    left: tuple[tuple[Scope, Balance], ...] = ()  # when the proxy ended

    @property
    def cost_nanos(self) -> int:
        """All of it."""
        return self.cost_by_model.total()

    @property
    def capped(self) -> bool:
        """Whether a budget stopped anything."""
        return bool(self.refused or self.cut)

    @property
    def saw_any(self) -> bool:
        """Whether any call came by, whatever became of it."""
        return bool(self.calls or self.capped or self.rejected)

    def as_json(self) -> dict[str, Any]:
        """For `--report` and `--json`: amounts as decimal strings."""
        return {
            "calls": self.calls,
            "cost_usd": usd_string(self.cost_nanos),
            "models": {
                model: {"calls": self.calls_by_model[model], "cost_usd": usd_string(cost)}
                for model, cost in self.cost_by_model.most_common()
            },
            "sessions": {
                session: usd_string(cost) for session, cost in self.cost_by_session.most_common()
            },
            "refused": self.refused,
            "refused_by": dict(self.refused_by),
            "cut": self.cut,
            "rejected": self.rejected,
            "assumed": self.assumed,
            "budgets": [left_document(scope, balance) for scope, balance in self.left],
        }


def left_document(scope: Scope, balance: Balance) -> dict[str, Any]:
    """What a budget has left, as JSON: dollars as decimal strings, counts as numbers."""
    dollars = scope.budget.unit is CapUnit.USD
    cap = scope.budget.cap + balance.raised
    left = max(cap - balance.spent - balance.held, 0)
    return {
        "budget": scope.budget.name,
        "value": scope.value,
        "unit": str(scope.budget.unit),
        "cap": usd_string(cap) if dollars else cap,
        "spent": usd_string(balance.spent) if dollars else balance.spent,
        "left": usd_string(left) if dollars else left,
        "resets_at": scope.resets_at.isoformat() if scope.resets_at else None,
        "description": describe(scope.budget),
    }


def tallied(
    ledger: Ledger, tally: Tally, *, balances: Callable[[Ledger], list[tuple[Scope, Balance]]]
) -> Ledger:
    """The ledger, with what is posted to it counted; `balances` is asked when it is closed."""
    return cast("Ledger", _Counted(ledger, tally, balances))


class _Counted:
    """Every method but these is the ledger's own. A step that raises is not counted."""

    def __init__(
        self,
        ledger: Ledger,
        tally: Tally,
        balances: Callable[[Ledger], list[tuple[Scope, Balance]]],
    ) -> None:
        self._ledger = ledger
        self._tally = tally
        self._balances = balances
        self._costs: dict[int, tuple[str, int]] = {}
        self._scopes: set[tuple[str, str]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def end(self, hold: Hold, settlement: Settlement) -> tuple[Balance, ...]:
        balances = self._ledger.end(hold, settlement)
        self._seen(hold.scopes)
        if settlement.ending is not Ending.RELEASED:
            self._count(hold.call, settlement)
            self._costs[hold.id] = (self._model(hold.call, settlement), settlement.cost_nanos)
        return balances

    def correct(self, hold: Hold, settlement: Settlement) -> None:
        self._ledger.correct(hold, settlement)
        model, cost = self._costs.get(hold.id, (self._model(hold.call, settlement), 0))
        self._add(hold.call, model, settlement.cost_nanos - cost)
        self._costs[hold.id] = (model, settlement.cost_nanos)

    def charge_once(self, call: Call, scopes: tuple[Scope, ...], settlement: Settlement) -> bool:
        charged = self._ledger.charge_once(call, scopes, settlement)
        if charged:
            self._seen(scopes)
            self._count(call, settlement)
        return charged

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        self._ledger.refuse(call, deny, note=note)
        if deny is None:
            self._tally.rejected += 1
            return
        self._seen((deny.scope,))
        self._tally.refused += 1
        self._tally.refused_by[deny.scope.budget.name] += 1

    def close(self) -> None:
        try:
            self._tally.left = tuple(
                (scope, balance)
                for scope, balance in self._balances(self._ledger)
                if not scope.value or (scope.budget.name, scope.value) in self._scopes
            )
        finally:
            self._ledger.close()

    def _seen(self, scopes: tuple[Scope, ...]) -> None:
        self._scopes.update((scope.budget.name, scope.value) for scope in scopes)

    def _count(self, call: Call, settlement: Settlement) -> None:
        tally, model = self._tally, self._model(call, settlement)
        tally.calls += 1
        tally.calls_by_model[model] += 1
        self._add(call, model, settlement.cost_nanos)
        tally.assumed += settlement.ending is Ending.ASSUMED
        tally.cut += settlement.note.startswith(CUT)

    def _add(self, call: Call, model: str, nanos: int) -> None:
        self._tally.cost_by_model[model] += nanos
        if session := call.attributes.get("session"):
            self._tally.cost_by_session[session] += nanos

    @staticmethod
    def _model(call: Call, settlement: Settlement) -> str:
        return settlement.model or call.model or call.endpoint
