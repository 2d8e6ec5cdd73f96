"""The screen of `llmcap top`. What is on it comes from `cockpit`."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Footer, Static

from llmcap.ledger import Ledger, open_ledger
from llmcap.screens.cockpit import (
    BUDGET_COLUMNS,
    FLIGHT_COLUMNS,
    RECENT_COLUMNS,
    Line,
    Snapshot,
    snapshot,
)
from llmcap.words.errors import LLMCapError
from llmcap.words.told import lines, one_line

# Cells are `Text`: of a plain string, what stands in brackets would be taken for markup.
Table = DataTable[Text]

RAISED_BY_TENTHS = 1


class Top(App[None]):
    """Three tables, looked up again and again."""

    TITLE = "LLMCap"
    CSS = """
    #head { padding: 0 1; text-style: bold; }
    .label { padding: 1 1 0 1; color: $text-muted; }
    #budgets { height: auto; max-height: 40%; }
    #flight { height: auto; max-height: 25%; }
    #recent { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("plus", "raise_cap", "Raise by a tenth"),
        ("p", "pause", "Pause or resume"),
        ("q", "quit", "Leave"),
    ]

    def __init__(self, ledger: Path, *, seconds: float) -> None:
        super().__init__()
        self._ledger = ledger
        self._seconds = seconds
        self._lines: tuple[Line, ...] = ()

    def compose(self) -> ComposeResult:
        """The head, the three tables, the keys."""
        yield Static(id="head")
        yield Table(id="budgets", cursor_type="row")
        yield Static("in flight", classes="label")
        yield Table(id="flight", cursor_type="none")
        yield Static("recent calls", classes="label")
        yield Table(id="recent", cursor_type="none")
        yield Footer()

    def on_mount(self) -> None:
        """Columns once, rows from now on."""
        for name, columns in (
            ("budgets", BUDGET_COLUMNS), ("flight", FLIGHT_COLUMNS), ("recent", RECENT_COLUMNS)
        ):  # fmt: skip
            self._table(name).add_columns(*columns)
        self.look()
        self.set_interval(self._seconds, self.look)

    def look(self) -> None:
        """Show the ledger as it is now; one that is busy is shown at the next look."""
        try:
            found = snapshot(self._ledger, datetime.now(UTC))
        except LLMCapError as error:
            self.notify(lines(str(error)), severity="warning", markup=False)
            return
        self._show(found)

    def _show(self, found: Snapshot) -> None:
        self._lines = found.budgets
        head = f"LLMCap  {found.at.astimezone():%H:%M:%S}   burn {found.burn}   held {found.held}"
        self.query_one("#head", Static).update(head)
        self._fill("budgets", [line.cells for line in found.budgets])
        self._fill("flight", found.in_flight)
        self._fill("recent", found.recent)

    def _fill(self, name: str, rows: Sequence[tuple[str, ...]]) -> None:
        table = self._table(name)
        chosen = table.cursor_row
        table.clear()
        for cells in rows:
            table.add_row(*(Text(one_line(cell)) for cell in cells))
        if rows:
            table.move_cursor(row=min(chosen, len(rows) - 1))

    def _table(self, name: str) -> Table:
        return self.query_one(f"#{name}", DataTable)

    # --- keys ---------------------------------------------------------------------------------

    def action_raise_cap(self) -> None:
        """Raise the chosen budget by a tenth of its cap, for the window that runs."""

        def change(ledger: Ledger, line: Line) -> str:
            budget = line.scope.budget
            by = max(budget.cap * RAISED_BY_TENTHS // 10, 1)
            ledger.adjust(line.scope, raise_by=by, note="raised in llmcap top")
            return f"{budget.name} is raised for this window"

        self._change(change)

    def action_pause(self) -> None:
        """Admit nothing under the chosen budget, or go on."""

        def change(ledger: Ledger, line: Line) -> str:
            budget, paused = line.scope.budget, not line.balance.paused
            ledger.pause(budget, paused=paused)
            return f"{budget.name} is {'paused' if paused else 'resumed'}"

        self._change(change)

    def _change(self, change: Callable[[Ledger, Line], str]) -> None:
        """Write to the ledger for the chosen budget, and tell what came of it."""
        chosen = self._table("budgets").cursor_row
        if not 0 <= chosen < len(self._lines):
            self.notify("there is no budget to change")
            return
        try:
            with closing(open_ledger(self._ledger)) as ledger:
                self.notify(lines(change(ledger, self._lines[chosen])), markup=False)
        except LLMCapError as error:
            self.notify(lines(str(error)), severity="error", markup=False)
        self.look()
