"""
Promise: a confined program that tries on purpose finds no way to spend past the proxy.

An ordinary user's has uid 1000 and no capability. Root's may do what it likes in the network that
it is in, and that leads nowhere either.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .people import COMMAND_SECONDS, User

ATTEMPTS = Path(__file__).with_name("attempts.py")
ORDINARY = ("unshare", "-U", "--map-user=1000", "--map-group=1000")

# Not allowed, not there, or nobody: the last where it may do what it likes.
NO = {"EPERM", "EACCES", "ENETUNREACH", "ECONNREFUSED", "ECONNRESET", "ENOENT", "ENODEV"}
UNKNOWN = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP"}
LOCKED = {"our file off its place", "what is below our file"}
UNANSWERED = {"the only device", "an address that has a route"}
ROOTS_OWN = {"a tunnel", "an address", "a route"}


@contextmanager
def sandbox() -> Iterator[int]:
    """A process of the user's in a network of its own, beside the command."""
    with subprocess.Popen(["unshare", "-Un", "sleep", "3600"]) as process:
        try:
            while Path(f"/proc/{process.pid}/ns/net").samefile("/proc/self/ns/net"):
                time.sleep(0.01)
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("who", ["ordinary", "root"])
def test_what_a_program_can_try_spends_nothing_unseen(user: User, who: str) -> None:
    """Nothing of the kernel's lets it out, and whatever a provider bills for is in the ledger."""
    rooted = os.geteuid() == 0
    if who == "root" and not rooted:
        pytest.skip("for root")
    begin = ORDINARY if who == "ordinary" and rooted else ()
    if subprocess.run([*begin, "unshare", "-Un", "true"], check=False).returncode:
        pytest.skip("no user namespaces for ordinary users here")
    config = user.home / "llmcap.yaml"
    config.write_text("budgets: [{name: all, cap: $1}]\npass_hosts: [fal.run]\n")
    with socket.socket(socket.AF_UNIX) as abstract, sandbox() as beside:
        abstract.bind(f"\0{user.home}")  # as X11's, of the network outside
        abstract.listen()
        done = subprocess.run(
            [*begin, sys.executable, "-m", "llmcap", "run", "--confine", "--config",
             str(config), "--", sys.executable, str(ATTEMPTS), str(user.home), str(beside)],
            env=user.environ, capture_output=True, text=True, check=False,
            timeout=2 * COMMAND_SECONDS,
        )  # fmt: skip
    assert done.stdout, done.stderr
    kernel, network = json.loads(done.stdout)
    allowed = {
        **dict.fromkeys(kernel, NO | UNKNOWN),
        **dict.fromkeys(LOCKED, NO | {"EINVAL"}),
        **dict.fromkeys(UNANSWERED, NO | {"TimeoutError"}),
        **(dict.fromkeys(ROOTS_OWN, NO | {"done"}) if who == "root" else {}),
    }
    got = {way: found for way, found in kernel.items() if found not in allowed[way]}
    assert not got
    served = [name for name, status in network.items() if status == 200]
    assert "as it should be" in served, done.stderr
    assert len(user.provider.bill()["records"]) == len(served), network
    assert user.spent_nanos("settled") == user.provider.nanos() > 0, network
