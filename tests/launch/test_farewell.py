"""The last words of a run."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llmcap.launch import farewell
from llmcap.launch.tally import Tally
from llmcap.words.errors import ConfigError
from llmcap.words.money import parse_usd
from llmcap.words.records import Balance, Budget, CapUnit, Scope

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def left(cap: str, spent: str, *, name: str = "cap", value: str = "") -> tuple[Scope, Balance]:
    """A budget's scope with what was spent."""
    budget = Budget(name, cap=parse_usd(cap))
    return Scope(budget, value, EPOCH, None), Balance(spent=parse_usd(spent))


def tally(**costs: str) -> Tally:
    """One call per model."""
    made = Tally(calls=len(costs))
    for model, cost in costs.items():
        made.cost_by_model[model] += parse_usd(cost)
        made.calls_by_model[model] += 1
    return made


def test_the_line_has_calls_cost_and_what_is_left() -> None:
    """With one model its name is enough."""
    made = tally(gpt="0.43")
    made.left = (left("5", "0.43"),)
    assert farewell.line(made) == "LLMCap: 1 call, $0.43 (gpt); $4.57 of $5.00 left"


def test_models_stand_with_their_cost_the_dearest_first() -> None:
    """Four of them; the rest together."""
    made = tally(a="0.01", b="0.05", c="0.04", d="0.03", e="0.02", f="0.01")
    assert farewell.line(made) == (
        "LLMCap: 6 calls, $0.16 (b $0.05, c $0.04, d $0.03, e $0.02, 2 more $0.02)"
    )


def test_what_was_stopped_is_said() -> None:
    """Refusals, cuts, calls without a price, and costs that are bounds."""
    made = tally(a="0.01")
    made.refused, made.cut, made.rejected, made.assumed = 3, 1, 2, 1
    line = farewell.line(made, uncapped=True)
    assert "3 refused, 1 cut off, 2 not sent for want of a price or a known endpoint" in line
    assert "1 at the most they can have cost; no cap is set" in line


@pytest.mark.parametrize(
    ("spent", "shown"),
    [
        ("0", "$1.00 of $1.00 left"),
        ("0.000000001", "$0.9999 of $1.00 left"),
        ("0.005", "$0.9950 of $1.00 left"),
        ("0.999999", "$0.000001 of $1.00 left"),
        ("1", "$0.00 of $1.00 left"),
        ("1.10", "$0.00 of $1.00 left"),
    ],
)
def test_what_is_left_is_rounded_down(spent: str, shown: str) -> None:
    """A dollar less a fraction does not read as a dollar."""
    assert farewell.left_of(*left("1", spent)) == shown


def test_other_budgets_are_named() -> None:
    """And the value, where they count per something."""
    shown = farewell.left_of(*left("50", "8", name="ci", value="web"))
    assert shown == "$42.00 of $50.00 left in ci (web)"
    requests = Scope(Budget("tries", cap=1000, unit=CapUnit.REQUESTS), "", EPOCH, None)
    assert farewell.left_of(requests, Balance(spent=1)) == "999 of 1,000 requests left in tries"


def test_the_report_does_not_hold_the_arguments(tmp_path: Path) -> None:
    """They may be a prompt."""
    document = farewell.report(
        tally(a="0.5"), command=("/bin/claude", "-p", "a secret"), exit_code=0, seconds=1.23456,
        project="",
    )  # fmt: skip
    assert document["command"] == "claude"
    assert document["models"] == {"a": {"calls": 1, "cost_usd": "0.5"}}
    assert "secret" not in str(document)
    with pytest.raises(ConfigError, match="the report cannot be written"):
        farewell.write_report(tmp_path / "no" / "report.json", document)


def test_github_hears_of_nothing_but_a_cap(tmp_path: Path) -> None:
    """Elsewhere than on GitHub it hears of nothing at all."""
    made = tally(a="0.5")
    summary = tmp_path / "summary.md"
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    assert farewell.tell_github(made, "words", there) == []
    assert "| a | 1 | $0.50 |" in summary.read_text()
    made.refused, made.refused_by = 1, Counter(ci=1)
    assert farewell.tell_github(made, "words", {}) == []
    (line,) = farewell.tell_github(made, "100 %\nof it", there)
    assert line == "::error title=LLMCap::The spend cap is reached (ci). 100 %25%0Aof it"


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    """The run itself is not at fault."""
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "file")}
    (line,) = farewell.tell_github(tally(), "words", there)
    assert line.startswith("::warning title=LLMCap::")


def test_calls_that_may_have_been_made_elsewhere_are_told_in_the_line_and_the_report() -> None:
    """No call, of a program whose daemon was there before is no footnote."""
    told = farewell.line(Tally(), elsewhere="it may talk to `hub` (pid 7)")
    assert told == "LLMCap: 0 calls; it may talk to `hub` (pid 7)"
    document = farewell.report(
        Tally(), command=("cline",), exit_code=0, seconds=1, project="", elsewhere=["`hub` (pid 7)"]
    )
    assert document["may_call_elsewhere"] == ["`hub` (pid 7)"]
