"""The write-ahead log is copied into the file behind the proxy's back."""

import threading
import time

from books import budget, call, demand, scopes, settled

from llmcap.ledger.checkpoint import COMMITS


def calls(ledger, number):
    """So many calls, two commits each."""
    for _ in range(number):
        decision = ledger.hold(call(), scopes([budget("$5")]), demand(1))
        ledger.end(decision.hold, settled(1))


def test_log_reaches_the_file_while_the_ledger_is_in_use(ledger, path):
    """After some hundred commits most of what was written is in the file itself."""
    calls(ledger, 10)
    before = path.stat().st_size
    calls(ledger, COMMITS)
    deadline = time.monotonic() + 10
    while path.stat().st_size < before + 50_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.stat().st_size >= before + 50_000
    assert ledger.audit() == []


def test_thread_ends_with_the_ledger(ledger, path):
    """Closing waits for the copy in progress, and leaves one file and no thread."""
    calls(ledger, COMMITS)
    assert "checkpoint" in {thread.name for thread in threading.enumerate()}
    ledger._store.close()
    assert "checkpoint" not in {thread.name for thread in threading.enumerate()}
    assert not path.with_name(f"{path.name}-wal").exists()
    calls(ledger, COMMITS)
    assert "checkpoint" in {thread.name for thread in threading.enumerate()}
