"""The adversary's short profile: the cap holds, is used, and the ledger agrees with the bill."""

import asyncio
import os
import subprocess
import sys

import pytest

from adversary.__main__ import every_case, run_all
from fake_provider.process import ROOT

# Far more than any takes, so that a busy machine does not decide.
CASE_SECONDS = 900
SEED = 1


@pytest.mark.parametrize("name", [case.name for case in every_case("ci")])
def test_the_adversary_breaks_no_promise(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A case of `scripts/soak --profile ci` keeps every promise; what it printed says which not.

    The adversary is in this process, whose proxies are copies of one Python; they are processes.
    """
    trial = run_all(every_case("ci", name), seed=SEED, jobs=1, keep=None)
    broken = asyncio.run(asyncio.wait_for(trial, CASE_SECONDS))
    assert broken == 0, capsys.readouterr().out


def test_a_case_is_run_from_a_shell() -> None:
    """As `scripts/soak --only NAME` runs it: a line for the case, and how many were kept."""
    result = subprocess.run(
        [sys.executable, "-m", "adversary", "--profile", "ci", "--only", "huge stream"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "addons")]),
        },
        capture_output=True,
        text=True,
        timeout=CASE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "1 of 1 cases kept every promise" in result.stdout
