"""Promise: a forked child is waited for as `subprocess` waits for one of its own."""

import os
import signal
import subprocess

import pytest

from llmcap.confine.forked import Forked


def child(script: str) -> Forked:
    """A process of a shell."""
    return Forked(os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ))


def test_its_code_is_there_once_it_has_ended() -> None:
    """And stays: nobody else's process of the same number is waited for."""
    ended = child("exit 7")
    assert ended.wait(60) == ended.poll() == ended.wait() == ended.returncode == 7


def test_while_it_runs_there_is_none_and_nobody_waits_longer_than_asked() -> None:
    """Then it is killed, once."""
    running = child("exec sleep 600")
    assert running.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.01)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    running.kill()
