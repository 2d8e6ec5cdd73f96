"""The `x-llmcap-*` headers of a call that was let through: what it may cost, cost, and leaves."""

from collections.abc import Sequence

from llmcap.budgets.budget import enforced
from llmcap.replies.dialects import header_text
from llmcap.replies.refusal import iso
from llmcap.words.money import usd_string
from llmcap.words.records import Balance, CapUnit, Hold, Scope


def cost_headers(
    hold: Hold,
    *,
    estimate_nanos: int,
    cost_nanos: int | None = None,
    balances: Sequence[Balance] = (),
    clamped: bool = False,
) -> dict[str, str]:
    """
    The headers of one metered response; `balances` are those of the hold's scopes, in their order.

    The budget told is the one that is nearest to its cap, money before tokens and requests. A cost
    is told where it is known when the headers leave, which a stream's is not.
    """
    headers = {"x-llmcap-estimate": usd_string(estimate_nanos)}
    if cost_nanos is not None:
        headers["x-llmcap-cost"] = usd_string(cost_nanos)
    if clamped:
        headers["x-llmcap-clamped"] = "true"
    # A ledger that cannot tell balances gives none, and then nothing is said about what is left.
    if pairs := enforced(list(zip(hold.scopes, balances, strict=bool(balances)))):
        scope, left = _tightest(pairs)
        budget = scope.budget
        money = budget.unit is CapUnit.USD
        headers["x-llmcap-budget"] = header_text(budget.name)
        headers["x-llmcap-remaining"] = usd_string(left) if money else f"{left} {budget.unit}"
        if scope.resets_at is not None:
            headers["x-llmcap-resets-at"] = iso(scope.resets_at)
    return headers


def _tightest(pairs: Sequence[tuple[Scope, Balance]]) -> tuple[Scope, int]:
    """The scope with the least left of its unit, and how much that is."""
    left = [
        (scope, max(0, scope.budget.cap + balance.raised - balance.spent - balance.held))
        for scope, balance in pairs
    ]
    money = [each for each in left if each[0].budget.unit is CapUnit.USD]
    return min(money or left, key=lambda each: each[1])
