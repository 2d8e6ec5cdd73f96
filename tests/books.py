"""What tests of budgets and ledgers are told with: budgets, calls, demands, and a clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from sqlite3 import Connection

from llmcap.budgets.budget import parse_short, scopes_for
from llmcap.ledger import history
from llmcap.words.records import (
    Budget,
    Call,
    Demand,
    Ending,
    HoldMode,
    Scope,
    Settlement,
    Usage,
)

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def move(self, **span: float) -> None:
        """Let time pass, or go back."""
        self.now += timedelta(**span)


def budget(text: str, *, name: str = "cap", per: Sequence[str] = (), **match: str) -> Budget:
    """A budget as the option writes it, with patterns by attribute."""
    short = parse_short(text, name=name)
    return Budget(
        name=name,
        cap=short.cap,
        unit=short.unit,
        every=short.every,
        match={attribute: (pattern,) for attribute, pattern in match.items()},
        per=tuple(per),
        hold=HoldMode.CEILING,
    )


def call(
    *, at: datetime = NOON, call_id: str = "call-1", model: str = "gpt-5", **attributes: str
) -> Call:
    """A call to a chat endpoint."""
    return Call(call_id, at, "openai", "chat", model, attributes)


def scopes(
    budgets: Sequence[Budget], of: Call | None = None, *, run: str = "r1"
) -> tuple[Scope, ...]:
    """The scopes of a call under these budgets."""
    return scopes_for(budgets, of or call(), run_id=run)


def demand(
    fixed: int = 0, per: int | str = 0, limit: int = 0, *, least: int | None = None, tokens: int = 0
) -> Demand:
    """A demand in nano-dollars; `least` makes it clampable down to so many tokens."""
    free = "" if fixed or (limit and Decimal(per)) else "a test"
    return Demand(
        fixed_nanos=fixed,
        per_output_nanos=Decimal(per),
        output_limit=limit,
        output_min=least or 0,
        clampable=least is not None,
        fixed_tokens=tokens,
        free=free,
    )


def settled(cost: int, *, tokens: int = 0, response_id: str | None = None) -> Settlement:
    """A call whose usage is known."""
    usage = Usage(input_tokens=tokens)
    return Settlement(Ending.SETTLED, cost, usage, response_id=response_id)


def assumed(cost: int, *, tokens: int = 0, response_id: str | None = None) -> Settlement:
    """A call whose outcome is not known; with `tokens`, that many of output were seen."""
    usage = Usage(output_tokens=tokens)
    return Settlement(Ending.ASSUMED, cost, usage, response_id=response_id)


RELEASED = Settlement(Ending.RELEASED, 0, note="the provider refused")


def steps_taken(path: str | Path, ask: Callable[[Connection], object]) -> int:
    """How many instructions SQLite needs for an answer."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    with history.reading(path) as db:
        db.set_progress_handler(tick, 10)
        ask(db)
    return count * 10
