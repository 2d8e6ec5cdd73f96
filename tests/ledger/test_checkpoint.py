"""The write-ahead log is copied into the file behind the proxy's back."""

import threading
import time

import pytest
from books import budget, call, demand, scopes, settled

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.ledger.writers import checkpoint
from llmcap.ledger.writers.checkpoint import COMMITS


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
    deadline = time.monotonic() + 300
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


def header(log):
    """The salts of a write-ahead log, which are others each time that it starts anew."""
    with log.open("rb") as file:
        return file.read(24)[16:]


@pytest.mark.parametrize(
    "bounds",
    [{"RESTART_PAGES": 300}, {"RESTART_ANYHOW_PAGES": 300, "REST_PAGES": -1}],
    ids=["where the rest is short", "where it never is"],
)
def test_log_of_two_that_write_without_a_pause_starts_anew(path, clock, monkeypatch, bounds):
    """One of them has always added something when the other has copied all that there was."""
    for name, pages in bounds.items():
        monkeypatch.setattr(checkpoint, name, pages)
    log = path.with_name(f"{path.name}-wal")
    beginnings: set[bytes] = set()

    def write() -> None:
        ledger = SqliteLedger(path, patient=True, clock=clock)
        for _ in range(60):
            calls(ledger, 20)
            beginnings.add(header(log))
            if len(beginnings) > 3:
                break
        ledger.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert len(beginnings) > 3
