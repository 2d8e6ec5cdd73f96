"""Promise: a forked child is waited for as `subprocess` waits for one of its own."""

import os
import signal
import subprocess

import pytest

from llmcap.confine.forked import Forked, Waiting


def child(script: str) -> Forked:
    """A process of a shell."""
    return Forked(os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ))


def test_its_code_is_there_once_it_has_ended() -> None:
    """And stays: nobody else's process of the same number is waited for."""
    ended = child("exit 7")
    assert ended.wait(300) == ended.poll() == ended.wait() == ended.returncode == 7


def test_while_it_runs_there_is_none_and_nobody_waits_longer_than_asked() -> None:
    """Then it is killed, once."""
    running = child("exec sleep 600")
    assert running.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.01)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    running.kill()


def test_the_end_of_one_that_waits_is_seen_also_where_ends_were_ignored() -> None:
    """As `nohup` and some supervisors have it: the kernel would keep it from everybody."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        waiting = Waiting()
        with waiting.line:
            waiting.process.kill()
            assert waiting.process.wait() == -signal.SIGKILL
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_one_that_waits_ends_with_the_line() -> None:
    """There will be no command: whoever was to tell it changed its mind, or is gone."""
    waiting = Waiting()
    waiting.drop()
    assert waiting.process.returncode == 125
