"""
Several proxies on one ledger, and proxies that die.

The promises: the sum of what all of them spend never passes the cap and uses it up; a proxy that is
killed, at any instant, leaks no hold and loses no cost; what it held is assumed once, whoever
looks and however many look at the same time.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import spender
from books import FakeClock, assumed, budget, call, demand, scopes, settled

from llmcap.ledger.liveness import Lock, is_gone
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import HoldEnded, LedgerBusy
from llmcap.words.records import Admit, Balance, Deny, Wait

FIVE = budget("$5")
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(Path(folder).resolve()) for folder in sys.path if folder),
}


def start(job: str, path: Path) -> subprocess.Popen[str]:
    """A proxy of its own."""
    command = [sys.executable, spender.__file__, job, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)


def hold(ledger, nanos, budgets=(FIVE,)):
    """An admitted call."""
    decision = ledger.hold(call(), scopes(budgets), demand(nanos))
    assert isinstance(decision, Admit)
    return decision.hold


def now(ledger, each=FIVE):
    """What a budget has spent and holds."""
    return ledger.balances(FakeClock().now, [each])[0][1]


def die(ledger):
    """What the kernel does for a proxy that is killed: its files are closed, its locks let go."""
    ledger._let_go(remove=False)


@pytest.fixture
def others(path, clock):
    """More proxies on the same file."""
    opened = []

    def another():
        opened.append(SqliteLedger(path, clock=clock))
        return opened[-1]

    yield another
    for ledger in opened:
        ledger.close()


# --- one cap ------------------------------------------------------------------------------------


def test_many_processes_share_one_cap(path):
    """Four proxies that want more than the cap get all of it, and not a nano-dollar more."""
    workers = [start("spend", path) for _ in range(4)]
    paid = [int(each.communicate(timeout=120)[0]) for each in workers]
    assert [each.returncode for each in workers] == [0] * 4
    ledger = SqliteLedger(path)
    balance = now(ledger, spender.CAP)
    assert balance.spent == sum(paid)
    assert balance.held == 0
    assert balance.spent <= spender.CAP.cap
    assert balance.spent >= spender.CAP.cap * 99 // 100
    assert ledger.audit() == []
    ledger.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# --- kill -9 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_killed_proxy_loses_nothing_and_leaks_nothing(path, seed):
    """Whatever it said it had done is there, and what it was about to do is there or is not."""
    generator = random.Random(seed)
    lines: list[str] = []
    for _ in range(2):
        victim = start("churn", path)
        lines.append(victim.stdout.readline())
        time.sleep(generator.random() / 10)
        victim.send_signal(signal.SIGKILL)
        lines += victim.stdout.read().splitlines()
        victim.stdout.close()
        victim.wait()

    ledger = SqliteLedger(path)
    assert ledger.recover() == [], "opening recovers what is to be recovered"
    rows = ledger._store.reading().execute(
        "SELECT first.id, first.held_nanos, last.kind, last.cost_nanos FROM entries AS first "
        "LEFT JOIN entries AS last ON last.ends = first.id WHERE first.kind = 'hold'"
    )
    found = {hold_id: row for hold_id, *row in rows}
    said = [line.split() for line in lines]
    ended = {int(words[1]): int(words[2]) for words in said if words[0] == "ended"}
    ending = {int(words[1]): int(words[2]) for words in said if words[0] == "ending"}
    held = {int(words[1]): int(words[2]) for words in said if words[0] == "held"}
    assert set(held) <= set(found)
    # Each of the two proxies may have died between a hold and the word about it.
    assert len(found) - len(held) <= 2
    for hold_id, (nanos, kind, cost) in found.items():
        if hold_id in ended:
            assert (kind, cost) == ("settled", ended[hold_id])
        elif (kind, cost) != ("settled", ending.get(hold_id)):
            assert (kind, cost) == ("assumed", nanos)
    balance = now(ledger)
    assert balance.held == 0
    assert balance.spent == sum(cost for _, _, cost in found.values())
    assert ledger.audit() == []
    ledger.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# --- recovery -----------------------------------------------------------------------------------


def test_opening_assumes_what_a_dead_proxy_held(ledger, others):
    """What it held may have been billed, so it is spent; and it is done once."""
    dead = others()
    held = hold(dead, 700)
    hold(ledger, 50)
    die(dead)
    again = others()
    assert now(again) == Balance(spent=700, held=50, calls=1)
    assert ledger.recover() == []
    rows = ledger._store.reading().execute(
        "SELECT kind, note FROM entries WHERE ends = ?", (held.id,)
    )
    assert rows.fetchall() == [("assumed", "recovered: its proxy was gone")]


def test_recovery_goes_on_while_running(ledger, others):
    """A proxy that dies later is found by whoever asks next, with its extensions."""
    dead = others()
    held = dead.extend(hold(dead, 700), 33, 0)
    assert ledger.recover() == []
    die(dead)
    assert ledger.recover() == [held.id]
    assert ledger.recover() == []
    assert now(ledger) == Balance(spent=733, calls=1)


def test_live_proxy_is_left_alone(ledger, others):
    """However long a call takes, its proxy's lock says that it is there."""
    alive = others()
    held = hold(alive, 700)
    assert ledger.recover() == []
    alive.end(held, settled(5))
    assert now(ledger) == Balance(spent=5, calls=1)


def test_no_call_is_denied_or_made_to_wait_for_the_dead(ledger, others):
    """Slots of a dead proxy come back before anyone is told that there are none."""
    one = budget("1 concurrent")
    for patient in (False, True):
        dead = others()
        hold(dead, 0, [one])
        decision = ledger.hold(call(), scopes([one]), demand(0), patient=patient)
        assert isinstance(decision, Wait if patient else Deny)
        die(dead)
        decision = ledger.hold(call(), scopes([one]), demand(0), patient=patient)
        assert isinstance(decision, Admit)
        ledger.end(decision.hold, settled(0))


def test_two_that_recover_at_once_assume_once(path, clock, others):
    """The second finds nothing left to do."""
    dead = others()
    ids = [hold(dead, 10).id for _ in range(20)]
    rescuers = [SqliteLedger(path, clock=clock) for _ in range(1)]
    die(dead)
    found: list[list[int]] = []

    def rescue():
        ledger = SqliteLedger(path, clock=clock)
        barrier.wait()
        with contextlib.suppress(LedgerBusy):
            found.append(ledger.recover())
        ledger.close()

    barrier = threading.Barrier(3)
    threads = [threading.Thread(target=rescue) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger = rescuers[0]
    ledger.recover()
    assert now(ledger) == Balance(spent=200, calls=20)
    assert ledger.audit() == []
    rows = ledger._store.reading().execute("SELECT ends FROM entries WHERE ends IS NOT NULL")
    assert sorted(row[0] for row in rows) == ids
    ledger.close()


def test_proxy_that_was_not_dead_tells_what_its_call_cost(ledger, others, path):
    """Its settlement corrects the assumption, once; after that the hold has ended."""
    lost = others()
    held = hold(lost, 700)
    (lock,) = [file for file in path.parent.iterdir() if file.name.endswith("process-2")]
    lock.unlink()
    assert ledger.recover() == [held.id]
    lost.end(held, settled(30))
    assert now(ledger) == Balance(spent=30, calls=1)
    with pytest.raises(HoldEnded):
        lost.end(held, settled(30))
    kinds = ledger._store.reading().execute("SELECT kind, cost_nanos FROM entries").fetchall()
    assert kinds == [("hold", 0), ("assumed", 700), ("correction", -670)]


def test_late_assumption_is_as_careful_as_the_recovery(ledger, others, path):
    """A proxy that was not dead, and does not know either, does not make the tokens free."""
    tokens = budget("1000 tokens")
    lost = others()
    held = lost.hold(call(), scopes([tokens]), demand(700, tokens=90)).hold
    for lock in path.parent.glob("*-process-2"):
        lock.unlink()
    assert ledger.recover() == [held.id]
    lost.end(held, assumed(700))
    assert now(ledger, tokens) == Balance(spent=90, calls=1)


def test_recovery_after_the_settlement_changes_nothing(ledger, others):
    """A proxy that settled and then died has nothing left to assume."""
    dead = others()
    dead.end(hold(dead, 700), assumed(100))
    die(dead)
    assert ledger.recover() == []
    assert now(ledger) == Balance(spent=100, calls=1)


def test_parked_call_of_a_dead_proxy_is_corrected_when_its_answer_is_fetched(ledger, others):
    """Its hold is assumed; whoever fetches the answer knows better."""
    dead = others()
    dead.park(hold(dead, 700), "resp_1")
    die(dead)
    ledger.recover()
    assert now(ledger).spent == 700
    answer = settled(40, response_id="resp_1")
    assert ledger.charge_once(call(), scopes([FIVE]), answer)
    assert not ledger.charge_once(call(), scopes([FIVE]), answer)
    assert now(ledger) == Balance(spent=40, calls=1)


def test_lock_files_are_removed_with_their_processes(ledger, others, path):
    """A ledger that is used for years does not collect locks."""
    dead = others()
    die(dead)
    assert len(list(path.parent.glob("*-process-*"))) == 2
    ledger.recover()
    assert len(list(path.parent.glob("*-process-*"))) == 1


# --- locks --------------------------------------------------------------------------------------


def test_lock_is_held_until_it_is_released(tmp_path):
    """Looking at a lock does not take it, nor take it away."""
    path = tmp_path / "lock"
    assert is_gone(path)
    lock = Lock(path)
    for _ in range(2):
        assert not is_gone(path)
    with pytest.raises(BlockingIOError):
        Lock(path)
    lock.release(remove=False)
    assert path.exists()
    assert is_gone(path)


def test_lock_is_not_inherited_by_programs(tmp_path):
    """`llmcap run` starts a program that may outlive the proxy: it must not keep its lock."""
    lock = Lock(tmp_path / "lock")
    code = "import time; print('here', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code]
    program = subprocess.Popen(command, close_fds=False, stdout=subprocess.PIPE)
    assert program.stdout.readline() == b"here\n"
    lock.release(remove=False)
    assert is_gone(tmp_path / "lock")
    program.kill()
    program.communicate()
