"""
Budgets: how they are written, which of them a call falls under, and whether they can carry it.

`decide` is pure. The ledger calls it inside its write transaction with the balances it has just
read, so the check and the hold are one step.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache

from llmcap.budgets.windows import EPOCH, Window, parse_window
from llmcap.words.errors import ConfigError, MoneyError, NotMoneyError
from llmcap.words.money import NANOS_MAX, WHOLE, format_usd, parse_usd
from llmcap.words.records import Balance, Budget, Call, CapUnit, Demand, Deny, Scope, Wait

__all__ = [
    "Fits", "Window", "decide", "describe", "fits_more", "needed", "parse_cap", "parse_short",
    "parse_window", "scope_at", "scopes_for", "told_limit",
]  # fmt: skip

# --- as typed ---------------------------------------------------------------------------------

_COUNTED = re.compile(
    rf"(?P<count>{WHOLE}(?:\.\d+)?)\s*(?P<factor>[km]?)\s*"
    r"(?P<unit>tokens?|requests?|calls?|concurrent)"
)
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
_UNITS = {
    "token": CapUnit.TOKENS,
    "request": CapUnit.REQUESTS,
    "call": CapUnit.REQUESTS,
    "concurrent": CapUnit.CONCURRENT,
}


def parse_cap(cap: str | int | Decimal) -> tuple[int, CapUnit]:
    """
    The amount and unit of a cap: `5`, `$0.50`, `100k tokens`, `60 requests`, `4 concurrent`.

    Raises `ConfigError`.
    """
    if isinstance(cap, str) and (match := _COUNTED.fullmatch(cap.strip().lower())):
        count = Decimal(match["count"].replace(",", "").replace("_", ""))
        count *= _FACTORS[match["factor"]]
        if count != int(count) or count > NANOS_MAX:
            raise ConfigError(f"the cap {cap!r} is not a whole number of {match['unit']}")
        return int(count), _UNITS[match["unit"].removesuffix("s")]
    try:
        return parse_usd(cap), CapUnit.USD
    except NotMoneyError as error:
        raise ConfigError(
            f"{cap!r} is not a cap: expected dollars such as 5, $5 or 0.25, "
            'or "100k tokens", "60 requests", "4 concurrent"'
        ) from error
    except MoneyError as error:
        raise ConfigError(f"{cap!r} is not a cap: {error}") from error


def parse_short(
    text: str, *, name: str = "cap", every: str = "once", timezone: str = "UTC"
) -> Budget:
    """
    A budget on everything, written as a cap and a window: `5`, `$5/day`, `1.50/run`.

    Without a window it is `every`. Raises `ConfigError`.
    """
    cap_text, slash, window = text.strip().partition("/")
    if slash:
        every = window.strip()
    try:
        cap, unit = parse_cap(cap_text)
        parse_window(every, timezone)
    except ConfigError as error:
        raise ConfigError(f"{text!r}: {error}" if slash else str(error)) from error
    return Budget(name=name, cap=cap, unit=unit, every=every, timezone=timezone)


def describe(budget: Budget) -> str:
    """One line for people: `each-project: $5.00 every day, per project, of provider=anthropic`."""
    amount = (
        format_usd(budget.cap) if budget.unit is CapUnit.USD else f"{budget.cap:,} {budget.unit}"
    )
    parts = [f"{budget.name}: {amount} {'in all' if budget.every == 'once' else _turns(budget)}"]
    if budget.per:
        parts.append(f"per {' and '.join(budget.per)}")
    if budget.watched:
        parts.append("watched only")
    parts += [f"of {name}={'|'.join(globs)}" for name, globs in budget.match.items()]
    return ", ".join(parts)


def _turns(budget: Budget) -> str:
    zone = "" if budget.timezone == "UTC" else f" ({budget.timezone})"
    return f"every {budget.every}{zone}"


# --- which budgets, and which of their balances -----------------------------------------------

# Providers read these without regard to case, so a budget does too: `GPT-5` is no way out of a
# budget per model.
_CASELESS = frozenset({"provider", "model", "host", "endpoint"})
# A value may come from a request's body and be of any size; the ledger keeps a short name for it.
_VALUE_CHARS_MAX = 200


def scopes_for(budgets: Sequence[Budget], call: Call, *, run_id: str) -> tuple[Scope, ...]:
    """
    The budgets that a call falls under, in the order given, each with its value and window.

    Patterns are globs (`*`, `?`, `[ab]`) over the whole attribute, without regard to case; any one
    of an attribute's patterns is enough, and every attribute named must match. A call without the
    attribute has the value "", for `match` as for `per`: leaving it out is no way out of a budget.
    """
    return tuple(_scope(budget, call, run_id) for budget in budgets if _matches(budget, call))


def _matches(budget: Budget, call: Call) -> bool:
    if not (budget.match or budget.allow):
        return True
    if not _agrees(budget.match, call):
        return False
    return not any(_agrees(exception, call) for exception in budget.allow)


def _agrees(wanted: Mapping[str, tuple[str, ...]], call: Call) -> bool:
    return all(
        _globs(patterns).fullmatch(_attribute(call, name)) for name, patterns in wanted.items()
    )


def _scope(budget: Budget, call: Call, run_id: str) -> Scope:
    value = _value([_attribute(call, name) for name in budget.per])
    return scope_at(budget, value, call.at, run_id=run_id)


def scope_at(budget: Budget, value: str, at: datetime, *, run_id: str) -> Scope:
    """One value of a budget at this time."""
    window = parse_window(budget.every, budget.timezone)
    run = run_id if window.run else ""
    if budget.unit is CapUnit.CONCURRENT:
        # A call in flight does not stop to be in flight when a window turns.
        return Scope(budget, value, EPOCH, None, run=run)
    return Scope(budget, value, window.start(at), window.resets_at(at), run, window.reach)


@lru_cache(maxsize=1024)
def _globs(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.IGNORECASE)


def _attribute(call: Call, name: str) -> str:
    value = call.attributes.get(name)
    if value is None:
        own = {"provider": call.provider, "model": call.model, "endpoint": call.endpoint}
        value = own.get(name, "")
    return value.lower() if name in _CASELESS else value


def _value(values: Sequence[str]) -> str:
    """The name of one value of `per`: as it is, or a JSON list where `per` names several."""
    if not values:
        return ""
    text = values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False)
    # JSON bodies can hold halves of surrogate pairs, which no database takes.
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= _VALUE_CHARS_MAX:
        return text
    return f"{text[:_VALUE_CHARS_MAX]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"


# --- admission --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fits:
    """The call can go: what to hold for it, and the output limit it must be clamped to, if any."""

    held_nanos: int
    held_tokens: int
    output_limit: int | None = None

    @property
    def note(self) -> str:
        """What those should know who read of the call later."""
        if self.output_limit is None:
            return ""
        return f"clamped to {self.output_limit:,} output tokens"


def decide(
    scopes: Sequence[tuple[Scope, Balance]], demand: Demand, *, patient: bool
) -> Fits | Wait | Deny:
    """
    Admit a call only if every budget it falls under can carry the most it may cost.

    In order: the ceiling as it is; for the patient, wait if it would fit once the calls in flight
    are back; a lower output limit, the highest that fits; for the patient, wait if that would be
    possible then; else deny. The scope in the answer is the first, in the order given, that cannot
    carry the call, so the answer never depends on anything else. Budgets that only watch decide
    nothing.
    """
    return decide_strictly(enforced(scopes), demand, patient=patient)


def enforced(scopes: Sequence[tuple[Scope, Balance]]) -> list[tuple[Scope, Balance]]:
    """Those of budgets that stop calls."""
    return [row for row in scopes if not row[0].budget.watched]


def decide_strictly(
    scopes: Sequence[tuple[Scope, Balance]], demand: Demand, *, patient: bool
) -> Fits | Wait | Deny:
    """The same, whether a budget is enforced or watched."""
    if demand.held_limit is not None and demand.held_limit < demand.output_limit:
        return _decide_slice(scopes, demand, patient=patient)
    if not (short := _first_short(scopes, demand, demand.output_limit)):
        return Fits(demand.ceiling_nanos(), demand.ceiling_tokens())

    back = _all_back(scopes)
    if patient and not _first_short(back, demand, demand.output_limit):
        return Wait(short[0])

    least = demand.output_limit
    if demand.clampable:
        least = max(demand.output_min, 1)
        limit = _highest_limit(scopes, demand)
        if limit >= least:
            assert limit < demand.output_limit, (limit, demand)
            assert not _first_short(scopes, demand, limit), (limit, demand)
            return Fits(demand.ceiling_nanos(limit), demand.ceiling_tokens(limit), limit)
        least = min(least, demand.output_limit)

    short = _first_short(scopes, demand, least) or short
    if patient and demand.clampable and _highest_limit(back, demand) >= max(demand.output_min, 1):
        return Wait(short[0])
    scope, balance = short
    return Deny(scope, balance, needed(scope, demand, least))


def _decide_slice(
    scopes: Sequence[tuple[Scope, Balance]], demand: Demand, *, patient: bool
) -> Fits | Wait | Deny:
    """
    The same for a call that holds its output slice by slice.

    The provider is told a limit that all money which is not spent could pay for, so that no stream
    runs past the cap by itself, however fast it is. One that may not be clamped can only be cut.
    """
    assert demand.held_limit is not None, demand
    first = replace(demand, output_limit=demand.held_limit, held_limit=None)
    decision = decide_strictly(scopes, first, patient=patient)
    if isinstance(decision, Fits) and decision.output_limit is None and demand.clampable:
        limit = told_limit(scopes, demand)
        assert limit is None or limit >= demand.held_limit, (limit, demand)
        return replace(decision, output_limit=limit)
    return decision


def told_limit(scopes: Sequence[tuple[Scope, Balance]], demand: Demand) -> int | None:
    """The limit that the provider of a sliced call is told; None: the call's own is lower."""
    limit = _highest_limit(_all_back(scopes), demand)
    return limit if limit < demand.output_limit else None


def _all_back(scopes: Sequence[tuple[Scope, Balance]]) -> list[tuple[Scope, Balance]]:
    """What is left when every call in flight turns out to be free: the most waiting can bring."""
    return [(scope, replace(balance, held=0)) for scope, balance in scopes]


def fits_more(
    scopes: Sequence[tuple[Scope, Balance]], *, more_nanos: int, more_tokens: int
) -> bool:
    """Whether a call in flight may hold this much more: in every budget it falls under."""
    more = {CapUnit.USD: more_nanos, CapUnit.TOKENS: more_tokens}
    return all(
        _fits(scope, balance, more.get(scope.budget.unit, 0)) for scope, balance in enforced(scopes)
    )


def _first_short(
    scopes: Sequence[tuple[Scope, Balance]], demand: Demand, limit: int
) -> tuple[Scope, Balance] | None:
    """The first scope that cannot carry the call with this output limit."""
    for scope, balance in scopes:
        if not _fits(scope, balance, needed(scope, demand, limit)):
            return scope, balance
    return None


def _fits(scope: Scope, balance: Balance, needed: int) -> bool:
    """What costs nothing fits in a full budget, and in one that is over; not in a paused one."""
    assert needed >= 0, needed
    return not balance.paused and (needed == 0 or needed <= _available(scope, balance))


def _available(scope: Scope, balance: Balance) -> int:
    """What is left; less than nothing after an overrun."""
    return scope.budget.cap + balance.raised - balance.spent - balance.held


def needed(scope: Scope, demand: Demand, limit: int) -> int:
    """The call's ceiling in the unit of the cap."""
    match scope.budget.unit:
        case CapUnit.USD:
            return demand.ceiling_nanos(limit)
        case CapUnit.TOKENS:
            return demand.ceiling_tokens(limit)
        case CapUnit.REQUESTS | CapUnit.CONCURRENT:
            return 1


def _highest_limit(scopes: Sequence[tuple[Scope, Balance]], demand: Demand) -> int:
    """The highest output limit, up to the demand's own, with which the call fits; -1: none."""
    limit = demand.output_limit
    for scope, balance in scopes:
        if not _fits(scope, balance, needed(scope, demand, 0)):
            return -1
        available = _available(scope, balance)
        match scope.budget.unit:
            case CapUnit.USD if demand.per_output_nanos:
                # ceil(limit * per) <= n is limit * per <= n for a whole n; exact, as per = a / b.
                a, b = demand.per_output_nanos.as_integer_ratio()
                limit = min(limit, (available - demand.fixed_nanos) * b // a)
            case CapUnit.TOKENS if demand.per_output_tokens:
                limit = min(limit, (available - demand.fixed_tokens) // demand.per_output_tokens)
            case _:
                pass
    return limit
