"""What the doctor says of confinement on this kernel."""

import os
import subprocess
import sys

import pytest

from llmcap.checkup import confinement
from llmcap.confine.start import ConfinementError

PROGRAM = (
    "import os\n"
    "from llmcap.checkup.confinement import confined_here\n"
    "print(*confined_here(os.environ), sep='|')"
)


def test_a_kernel_that_can_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of versions is asked, and where it fails the reason and its cure are apart."""
    works, text, mend = confinement.confined_here(os.environ)
    if works:
        assert (text, mend) == (confinement.HERE, "")

    def fails(*_: object, **__: object) -> None:
        raise ConfinementError(
            "--confine: no (EPERM); the command was not started\nhint: a\nhint: b"
        )

    monkeypatch.setattr(confinement, "start", fails)
    assert confinement.confined_here(os.environ) == (
        False, "no (EPERM); the command was not started", "a; b",
    )  # fmt: skip


def test_a_kernel_that_forbids_it_is_told_with_what_an_administrator_can_do() -> None:
    """A user namespace may forbid more of them to all in it."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", forbid, "sh", sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip("no user namespaces here")
    works, text, mend = done.stdout.strip().split("|")
    assert works == "False", done.stderr
    assert "no user namespace" in text
    assert "user.max_user_namespaces=" in mend


def test_elsewhere_it_says_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """mitmproxy's local mode."""
    monkeypatch.setattr(confinement.sys, "platform", "darwin")
    assert "local" in confinement.confined_here({})[1]
