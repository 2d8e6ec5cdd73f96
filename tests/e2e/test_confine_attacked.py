"""
Promise: a confined program that tries on purpose finds no way to spend past the proxy.

It is an ordinary user's: uid 1000, with no capability, as root's own network is anyway root's.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .people import COMMAND_SECONDS, User

ATTEMPTS = Path(__file__).with_name("attempts.py")
ORDINARY = ("unshare", "-U", "--map-user=1000", "--map-group=1000")
FAILURES = {"EPERM", "EACCES", "ENETUNREACH", "ECONNREFUSED", "ENOSYS", "EAFNOSUPPORT"}


def test_what_a_program_can_try_spends_nothing_unseen(user: User) -> None:
    """Nothing of the kernel's lets it out, and whatever a provider bills for is in the ledger."""
    if subprocess.run([*ORDINARY, "unshare", "-Un", "true"], check=False).returncode:
        pytest.skip("no user namespaces for ordinary users here")
    config = user.home / "llmcap.yaml"
    config.write_text("budgets: [{name: all, cap: $1}]\npass_hosts: [fal.run]\n")
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{user.home}")  # as X11's, of the network outside
        abstract.listen()
        done = subprocess.run(
            [*ORDINARY, sys.executable, "-m", "llmcap", "run", "--confine", "--config",
             str(config), "--", sys.executable, str(ATTEMPTS), str(user.home)],
            env=user.environ, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
    assert done.stdout, done.stderr
    kernel, network = json.loads(done.stdout)
    assert set(kernel.values()) <= FAILURES, kernel
    served = [name for name, status in network.items() if status == 200]
    assert "as it should be" in served, done.stderr
    assert len(user.provider.bill()["records"]) == len(served), network
    assert user.spent_nanos("settled") == user.provider.nanos() > 0, network
