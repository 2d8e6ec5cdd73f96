"""The adversary's short profile: the cap holds, is used, and the ledger agrees with the bill."""

import os
import subprocess
import sys

from fake_provider.process import ROOT

# Far more than it takes, so that a busy machine does not decide.
PROFILE_SECONDS = 1_500


def test_the_adversary_breaks_no_promise() -> None:
    """`scripts/soak --profile ci` ends with 0: every promise of every case was kept."""
    result = subprocess.run(
        [sys.executable, "-m", "adversary", "--profile", "ci"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "addons")]),
        },
        capture_output=True,
        text=True,
        timeout=PROFILE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
