"""The settings of `llmcap run`; what it does is shown in `e2e/test_run.py`."""

from pathlib import Path

import pytest

from llmcap.launch.environment import MARK
from llmcap.launch.run import Wanted, program_of, settle
from llmcap.ledger import MEMORY
from llmcap.words.errors import ConfigError
from llmcap.words.money import parse_usd
from llmcap.words.records import CapUnit

COMMAND = ("true",)
INSIDE = {MARK: "http://127.0.0.1:4100", "HTTPS_PROXY": "http://127.0.0.1:4100"}


def test_a_lone_cap_is_for_this_run() -> None:
    """A budget for ever would stop the next run at its first call."""
    policy, _ = settle(Wanted(COMMAND, cap="5"), {})
    assert [(b.name, b.cap, b.every) for b in policy.budgets] == [("cap", parse_usd(5), "run")]


def test_a_cap_with_a_window_is_shared_with_other_runs() -> None:
    """`5/day` is what it says."""
    policy, _ = settle(Wanted(COMMAND, cap="5/day"), {})
    assert policy.budgets[0].every == "day"


def test_the_variable_is_used_where_the_option_is_not() -> None:
    """`LLMCAP_CAP`, which the option overrides."""
    assert settle(Wanted(COMMAND), {"LLMCAP_CAP": "3"})[0].budgets[0].cap == parse_usd(3)
    assert settle(Wanted(COMMAND, cap="4"), {"LLMCAP_CAP": "3"})[0].budgets[0].cap == parse_usd(4)


def test_budgets_of_the_command_line_come_before_those_of_the_config(tmp_path: Path) -> None:
    """A refusal names the first that cannot carry the call: what was typed last is nearest."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("budgets: [{name: standing, cap: 50, every: month}]\n")
    wanted = Wanted(
        COMMAND, cap="5", also=("ci:20/day", "tries:60 requests/hour"), config=str(path)
    )
    policy, _ = settle(wanted, {})
    assert [budget.name for budget in policy.budgets] == ["cap", "ci", "tries", "standing"]
    assert policy.budgets[2].unit is CapUnit.REQUESTS


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(Wanted(COMMAND, also=("5/day",)), "--also 5/day: expected", id="name"),
        pytest.param(
            Wanted(COMMAND, also=("a:b",)), "--also: 'b' is not a cap: expected", id="cap"
        ),
        pytest.param(Wanted(COMMAND, cap="foo"), r"^--cap: 'foo' is not a cap: [^(]*$", id="once"),
        pytest.param(Wanted(COMMAND, cap="1", also=("cap:2",)), "named 'cap'", id="twice"),
    ],
)
def test_what_cannot_be_meant_is_told(wanted: Wanted, message: str) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match=message):
        settle(wanted, {})


def test_inside_another_run_nothing_is_written_twice() -> None:
    """The outer proxy has every call in the shared ledger."""
    assert settle(Wanted(COMMAND, cap="5"), INSIDE)[1].ledger == MEMORY


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(Wanted(COMMAND, cap="5/day"), id="standing-budget"),
        pytest.param(Wanted(COMMAND, cap="5", ledger="/tmp/l.sqlite3"), id="named-ledger"),
    ],
)
def test_inside_another_run_a_standing_budget_still_stands(wanted: Wanted) -> None:
    """It has to know what was spent before: better counted twice than not at all."""
    assert settle(wanted, INSIDE)[1].ledger != MEMORY


def test_behind_any_other_proxy_the_ledger_is_the_shared_one() -> None:
    """A company's proxy counts nothing."""
    environ = {**INSIDE, "HTTPS_PROXY": "http://company:3128"}
    assert settle(Wanted(COMMAND, cap="5"), environ)[1].ledger != MEMORY


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("claude -p hi", "claude"),
        ("/usr/local/bin/Aider --model x", "aider"),
        ("python3.12 -m aider --message codex", "aider"),
        ("uvx aider", "aider"),
        ("uv run python evaluate.py", "evaluate.py"),
        ("npx -y opencode run hi", "opencode"),
        ("env KEY=1 nice codex exec", "codex"),
        ("env", ""),
    ],
)
def test_the_program_is_found_behind_what_starts_it(line: str, program: str) -> None:
    """Its name words refusals; an argument, which may be a prompt, is never taken for it."""
    assert program_of(line.split()) == program
