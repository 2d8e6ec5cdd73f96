"""
Ends the servers of a process that is gone, kill -9 included, and removes their folder.

It is told on its input which servers run (`+PID`) and which have ended (`-PID`). The input ends
with the process at its other end, or with the word `end`; then the keeper does its work and exits.
It uses nothing but the standard library, so that it starts in a few milliseconds.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.02


def left_running(lines: Iterable[str]) -> set[int]:
    """Which servers run when the input ends."""
    running: set[int] = set()
    for line in lines:
        word = line.strip()
        if word == "end":
            break
        (running.add if word[0] == "+" else running.discard)(int(word[1:]))
    return running


def is_there(pid: int) -> bool:
    """Whether a process of this id runs; one that has ended may have nobody who asks how (`Z`)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # a system without /proc
        return True


def end(pid: int) -> None:
    """At once, as `pg_ctl stop -m immediate` does it: its own processes end with it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while is_there(pid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Wait for the end of the input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for who started us, whose end we await
    for pid in left_running(sys.stdin):
        end(pid)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
