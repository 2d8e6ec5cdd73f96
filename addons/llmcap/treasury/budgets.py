"""The budgets of a fleet: the same for all nodes. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from llmcap.budgets.windows import EPOCH
from llmcap.ledger.history import definition
from llmcap.ledger.rows import budget_key
from llmcap.treasury.protocol import BudgetKey, Terms
from llmcap.words.errors import TreasuryError
from llmcap.words.money import in_unit
from llmcap.words.records import Budget, CapUnit, Scope


def key_of(budget: Budget) -> BudgetKey:
    """What makes two budgets the same one, as in the ledger."""
    return budget_key(Scope(budget, "", EPOCH, None))


def check_same(budgets: Sequence[Budget], terms: Terms) -> None:
    """Raise `TreasuryError` where these are not the budgets of the fleet."""
    if found := differences(budgets, terms):
        raise TreasuryError(
            f"the budgets of this config are not those of the treasury: {'; '.join(found)}\n"
            "hint: use the same budgets on all nodes (`--cap` is one more), or `llmcap budget "
            "apply CONFIG` to change the treasury's"
        )


def differences(budgets: Sequence[Budget], terms: Terms, *, caps: bool = True) -> list[str]:
    """
    What a config says of budgets and the treasury does not, in sentences; empty: nothing.

    Without `caps` their amounts may differ: a node that runs goes by the treasury's.
    """
    found = []
    own = {key_of(budget): budget for budget in budgets}
    for key, term in terms.by_key.items():
        if key not in own:
            found.append(f"the treasury has {term.budget.name!r} ({_said(key)}), the config not")
            continue
        mine, theirs = json.loads(definition(own[key])), json.loads(definition(term.budget))
        found += [
            f"{key[0]!r} has {name} {_value(name, mine)} here and {_value(name, theirs)} in the "
            "treasury"
            for name in mine
            if mine[name] != theirs[name] and (caps or name != "cap")
        ]
    found += [
        f"the config has {own[key].name!r} ({_said(key)}), the treasury not"
        for key in own
        if key not in terms.by_key
    ]
    return found


def _value(name: str, of: Mapping[str, Any]) -> str:
    """As a config has it: a cap in dollars, and not in nano-dollars."""
    if name != "cap":
        return repr(of[name])
    return in_unit(of[name], CapUnit(of["unit"]))


def _said(key: BudgetKey) -> str:
    _, unit, every, per = key
    return f"{unit}, every {every}" + (f", per {per}" if per else "")
