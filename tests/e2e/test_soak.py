"""The adversary's short profile: the cap holds, is used, and the ledger agrees with the bill."""

import os
import subprocess
import sys

import pytest

from adversary.__main__ import every_case
from fake_provider.process import ROOT

# Far more than any takes, so that a busy machine does not decide.
CASE_SECONDS = 900


@pytest.mark.parametrize("name", [case.name for case in every_case("ci")])
def test_the_adversary_breaks_no_promise(name: str) -> None:
    """A case of `scripts/soak --profile ci` keeps every promise; what it printed says which not."""
    result = subprocess.run(
        [sys.executable, "-m", "adversary", "--profile", "ci", "--only", name],
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
