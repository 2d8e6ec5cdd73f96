"""
The ledger when things go wrong: failing statements, a full disk, locks, damage.

The promise: a step that fails says so with a `LedgerError`, has written nothing, and works as soon
as the fault is over.
"""

import sqlite3
import threading
import time

import pytest
from books import FakeClock, assumed, budget, call, demand, scopes, settled

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import HoldEnded, LedgerBusy, LedgerError
from llmcap.words.records import Admit, Balance, Deny

BUDGETS = [
    budget("$5", name="all"),
    budget("$5/5h", name="rolling"),
    budget("1000 tokens", name="tokens"),
]
OTHERS = [budget("$1", name="other", per=["project"])]


class FaultyConnection(sqlite3.Connection):
    """A connection that fails from one statement on, for some statements."""

    left: int | None = None  # statements until the fault; None: there is none
    lasts = 1
    count = 0

    def _step(self) -> None:
        cls = type(self)
        cls.count += 1
        if cls.left is None:
            return
        cls.left -= 1
        if cls.left < 0:
            if cls.left <= -cls.lasts:
                cls.left = None
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    def execute(self, *args):
        """Perhaps."""
        self._step()
        return super().execute(*args)

    def executemany(self, *args):
        """Perhaps."""
        self._step()
        return super().executemany(*args)


@pytest.fixture
def faulty(path, clock):
    """A ledger whose statements can be made to fail."""
    FaultyConnection.left = None
    opened = SqliteLedger(path, clock=clock, factory=FaultyConnection)
    yield opened
    FaultyConnection.left = None
    assert opened.audit() == []
    opened.close()


def picture(path):
    """All that is in the ledger, as another process sees it."""
    with sqlite3.connect(path) as db:
        tables = ["entries", "postings", "open_holds", "responses", "balances"]
        rows = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
        rows["paused"] = db.execute("SELECT name, paused FROM budgets WHERE paused").fetchall()
    db.close()
    # A balance of which nothing is known yet may be made ahead of its first hold.
    rows["balances"] = [row for row in rows["balances"] if any(row[5:])]
    return rows


def hold(ledger, nanos=1_000, budgets=BUDGETS):
    """An admitted call."""
    decision = ledger.hold(call(), scopes(budgets), demand(nanos, 0, 0, tokens=10))
    assert isinstance(decision, Admit)
    return decision.hold


def failure_of(step):
    """What a step says when it fails, or None."""
    try:
        step()
    except LedgerError as error:
        return str(error)
    return None


STEPS = {
    "hold": lambda ledger, _: hold(ledger),
    "hold in new balances": lambda ledger, _: hold(ledger, 1_000, OTHERS),
    "hold that is denied": lambda ledger, _: ledger.hold(call(), scopes(BUDGETS), demand(9**20)),
    "extend": lambda ledger, held: ledger.extend(held["open"], 50, 5),
    "end": lambda ledger, held: ledger.end(held["open"], settled(700, response_id="new")),
    "park": lambda ledger, held: ledger.park(held["open"], "parked"),
    "correct": lambda ledger, held: ledger.correct(held["ended"], settled(300)),
    "refuse": lambda ledger, held: ledger.refuse(call(), held["deny"]),
    "charge": lambda ledger, _: ledger.charge_once(
        call(), scopes(BUDGETS), settled(5, response_id="other")
    ),
    "charge what was assumed": lambda ledger, _: ledger.charge_once(
        call(), scopes(BUDGETS), settled(5, response_id="assumed")
    ),
    "reset": lambda ledger, _: ledger.adjust(scopes(BUDGETS)[1], reset=True),
    "pause": lambda ledger, _: ledger.pause(BUDGETS[0]),
    "recover": lambda ledger, _: ledger.recover(),
}


@pytest.mark.parametrize("lasts", [1, 2], ids=["once", "also the rollback"])
@pytest.mark.parametrize("name", STEPS)
def test_failing_statement_leaves_nothing_behind(name, lasts, faulty, path, clock):
    """Fail the first statement, then the second, and so on, until the step succeeds."""
    dead = SqliteLedger(path, clock=clock)
    hold(dead, 77)
    held = {"open": hold(faulty), "ended": hold(faulty)}
    faulty.end(held["ended"], assumed(1_000, response_id="assumed"))
    held["deny"] = faulty.hold(call(), scopes(BUDGETS), demand(9**20))
    assert isinstance(held["deny"], Deny)
    dead._store.close()
    dead._lock.release(remove=False)

    step = STEPS[name]
    before = picture(path)
    for nth in range(60):
        FaultyConnection.left, FaultyConnection.lasts = nth, lasts
        said = failure_of(lambda: step(faulty, held))
        reached, FaultyConnection.left = FaultyConnection.left, None
        after = picture(path)
        if said is not None:
            assert all(part in said for part in ("disk I/O error", str(path), "hint: check the"))
            assert after == before or "recovered" in str(after["entries"])
            before = after
        elif reached is not None:
            break
    else:
        pytest.fail("the step never succeeded")
    assert nth >= 3, "the fault never struck within a transaction"
    assert faulty.audit() == []


def test_full_disk_refuses_holds_and_keeps_the_open_ones(ledger):
    """A hold that cannot be written is not there; an open one is settled when there is room."""
    open_hold = hold(ledger)
    db = ledger._store.reading()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    holds = [open_hold]
    while (said := failure_of(lambda: holds.append(hold(ledger)))) is None:
        assert len(holds) < 1_000
    assert "the disk is full" in said
    assert "hint: free some space" in said
    assert db.execute("SELECT count(*) FROM open_holds").fetchone() == (len(holds),)
    while (said := failure_of(lambda: ledger.end(holds[-1], settled(1)))) is None:
        holds.pop()
    assert "the disk is full" in said
    assert db.execute("SELECT count(*) FROM open_holds").fetchone() == (len(holds),)
    assert ledger.audit() == []
    db.execute("PRAGMA max_page_count = 1000000")
    for each in holds:
        ledger.end(each, settled(1))
    hold(ledger)


def test_read_only_ledger_says_what_to_check(ledger):
    """Spending that cannot be written stops calls, and the message says where to look."""
    open_hold = hold(ledger)
    db = ledger._store.reading()
    db.execute("PRAGMA query_only = ON")
    for step in (lambda: hold(ledger), lambda: ledger.end(open_hold, settled(1))):
        with pytest.raises(LedgerError, match=r"may not be written to[\s\S]*hint: check the owner"):
            step()
    db.execute("PRAGMA query_only = OFF")
    ledger.end(open_hold, settled(1))


def test_locked_ledger_is_busy_and_says_so_at_once(ledger, path):
    """The event loop does not stand still for another process; the same step works later."""
    open_hold = hold(ledger)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for step in (lambda: hold(ledger), lambda: ledger.end(open_hold, settled(1))):
        started = time.perf_counter()
        with pytest.raises(LedgerBusy):
            step()
        assert time.perf_counter() - started < 0.5
    assert ledger.balances_of(open_hold)[0].held == 1_000
    other.execute("ROLLBACK")
    other.close()
    ledger.end(open_hold, settled(1))
    with pytest.raises(HoldEnded):
        ledger.end(open_hold, settled(1))


def test_ledger_opens_while_another_is_writing(ledger, path, clock):
    """Opening waits for the lock: nobody else would try again for it."""
    writing = threading.Event()

    def write():
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing.set()
        time.sleep(0.2)
        other.execute("ROLLBACK")
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    writing.wait()
    opened = SqliteLedger(path, clock=clock)
    writer.join()
    hold(opened)
    opened.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"just some text\n" * 400, "not an SQLite database", id="another file"),
        pytest.param(b"SQLite format 3\0" + b"\xff" * 9_000, "damaged|not an SQLite", id="torn"),
    ],
)
def test_file_that_is_no_ledger_is_left_alone(path, data, reason):
    """Opening what is not a ledger fails with the move to make, and does not touch it."""
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=reason) as caught:
        SqliteLedger(path)
    assert str(path) in str(caught.value)
    assert "hint:" in str(caught.value)
    assert path.read_bytes() == data


def test_damaged_ledger_refuses(path, clock):
    """A ledger whose pages are overwritten fails with a `LedgerError`, never a wrong balance."""
    first = SqliteLedger(path, clock=clock)
    for _ in range(200):
        first.end(hold(first, 1), settled(1))
    first.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="damaged") as caught:
        hold(SqliteLedger(path, clock=clock))
    assert "restore a copy" in str(caught.value)


def test_ledger_of_a_newer_version_is_not_touched(path):
    """What this version does not understand, it does not write to."""
    SqliteLedger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(LedgerError, match="made by a newer LLMCap"):
        SqliteLedger(path)


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_file_that_goes_while_it_is_used_stops_the_ledger(how, path, clock):
    """What is written to it would be seen by nobody; the same file put back is the ledger again."""
    ledger = SqliteLedger(path, clock=clock)
    hold = ledger.hold(call(), scopes(BUDGETS), demand(1_000)).hold
    kept = path.with_name("kept")
    kept.hardlink_to(path)
    path.unlink()
    if how == "replaced":
        path.write_bytes(kept.read_bytes())
    for step in (
        lambda: ledger.hold(call(call_id="next"), scopes(BUDGETS), demand(1_000)),
        lambda: ledger.end(hold, settled(500)),
        lambda: ledger.refuse(call(call_id="next"), None),
    ):
        with pytest.raises(LedgerError, match="was deleted, moved or replaced while it was in use"):
            step()
    assert path.exists() == (how == "replaced"), "no second ledger is made, with nothing spent"
    kept.rename(path)
    ledger.end(hold, settled(500))
    assert ledger.audit() == []
    ledger.close()


def test_folder_that_cannot_be_made_is_named(tmp_path):
    """A path through a file is no folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="hint: name a file in a folder"):
        SqliteLedger(tmp_path / "file" / "ledger.sqlite3")


def test_broken_migration_leaves_no_half_made_ledger(path):
    """A ledger is made as a whole, or not at all."""
    FaultyConnection.left, FaultyConnection.lasts = 9, 1
    with pytest.raises(LedgerError):
        SqliteLedger(path, factory=FaultyConnection)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
    db.close()
    opened = SqliteLedger(path, clock=FakeClock())
    assert opened.balances_of(hold(opened))[0] == Balance(held=1_000)
    opened.close()
