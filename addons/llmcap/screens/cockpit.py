"""
What `llmcap top` shows, read from the ledger at one moment, as rows of text.

The screen itself is in `cli/top`; this knows nothing of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from llmcap.ledger import history, queries, rollups
from llmcap.ledger.history import PastCall
from llmcap.words.money import format_usd
from llmcap.words.records import Balance, CapUnit, Scope

CALLS_READ = 200
CALLS_SHOWN = 50

# Over how long the burn is measured: long enough for a few calls, short enough to show a fire.
BURN_OVER = timedelta(minutes=5)

BAR_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One balance: who it is, and the cells of its row."""

    scope: Scope
    balance: Balance
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything on the screen."""

    at: datetime
    budgets: tuple[Line, ...] = ()
    in_flight: tuple[tuple[str, ...], ...] = ()
    recent: tuple[tuple[str, ...], ...] = ()
    burn: str = ""
    held: str = ""


BUDGET_COLUMNS = ("budget", "", "spent", "held", "left", "cap", "resets", "calls", "refused")
FLIGHT_COLUMNS = ("since", "model", "client", "project", "held")
RECENT_COLUMNS = ("time", "state", "model", "client", "project", "cost", "note")


def snapshot(ledger: Path, now: datetime) -> Snapshot:
    """The ledger as it is now. Raises `LedgerError` where there is none."""
    with history.reading(ledger) as db:
        rows = [
            row
            for budget, run in history.definitions(db)
            for row in queries.balances(db, now, [budget], run_id=run)
        ]
        calls = history.calls(db, limit=CALLS_READ)
        spent = rollups.spent_since(db, now - BURN_OVER)
    flying = [call for call in calls if call.state == "held"]
    return Snapshot(
        at=now,
        budgets=tuple(
            Line(scope, balance, budget_cells(scope, balance)) for scope, balance in rows
        ),
        in_flight=tuple(flight_cells(call, now) for call in flying),
        recent=tuple(recent_cells(call) for call in calls if call.state != "held")[:CALLS_SHOWN],
        burn=burn(spent),
        held=format_usd(sum(call.held_nanos for call in flying)),
    )


def burn(spent_nanos: int) -> str:
    """Dollars per minute of the last minutes, in which so much was spent."""
    minutes = int(BURN_OVER.total_seconds()) // 60
    return f"{format_usd(spent_nanos // minutes)}/min"


def budget_cells(scope: Scope, balance: Balance) -> tuple[str, ...]:
    """A budget's row, with a bar of what is spent and held."""
    budget = scope.budget
    cap = budget.cap + balance.raised
    left = max(cap - balance.spent - balance.held, 0)

    def shown(amount: int) -> str:
        return format_usd(amount) if budget.unit is CapUnit.USD else f"{amount:,}"

    name = f"{budget.name} {scope.value}".rstrip()
    state = " (paused)" if balance.paused else ""
    resets = f"{scope.resets_at:%m-%d %H:%M}" if scope.resets_at else "never"
    return (
        name + state, bar(balance.spent, balance.held, cap), shown(balance.spent),
        shown(balance.held), shown(left), shown(cap), resets, str(balance.calls),
        str(balance.refused),
    )  # fmt: skip


def bar(spent: int, held: int, cap: int, *, width: int = BAR_WIDTH) -> str:
    """What is spent, then what is held, then what is left; never full before it is."""
    if cap <= 0:
        return "█" * width
    full = min(spent * width // cap, width)
    up_to = min((spent + held) * width // cap, width)
    if spent and not full:
        full, up_to = 1, max(up_to, 1)  # something is spent: it shows
    return "█" * full + "▒" * (up_to - full) + "·" * (width - up_to)


def flight_cells(call: PastCall, now: datetime) -> tuple[str, ...]:
    """A call in flight."""
    seconds = max(int((now - call.at).total_seconds()), 0)
    return (f"{seconds} s", call.model, *_whose(call), format_usd(call.held_nanos))


def recent_cells(call: PastCall) -> tuple[str, ...]:
    """A call that has ended, or never began."""
    cost = "" if call.state == "refused" else format_usd(call.cost_nanos)
    model = call.served_model or call.model
    time = f"{call.at.astimezone():%H:%M:%S}"
    return (time, call.state, model, *_whose(call), cost, call.note)


def _whose(call: PastCall) -> tuple[str, str]:
    return call.attributes.get("client", ""), call.attributes.get("project", "")
