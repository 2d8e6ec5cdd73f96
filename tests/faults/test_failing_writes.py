"""
The ledger fails under the walk, at its first statement, its second, and so on.

Whatever fails and for how long: a call that cannot be recorded is not sent, one that was sent is on
the ledger as soon as it can be written again, at no less than it cost, and no hold is left behind.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from walk import FakeClock, Walk, begin, chat, chunk, completion, walk

from llmcap.budgets.budget import parse_short
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.walk.answers import Refused
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LedgerError
from llmcap.words.records import HoldMode

INPUT, OUTPUT = 100, 10
COST = INPUT * 150 + OUTPUT * 600

WRITTEN = 600  # tokens of a long stream
SLICED = (replace(parse_short("1"), hold=HoldMode.SLICED),)

# More statements than any of the lives below has; a life that is never hit ends the search.
STATEMENTS_MAX = 200


@dataclass
class Fuse:
    """Counts the statements of a connection, and lets one of them, or all from it on, fail."""

    code: int
    lasting: bool
    at: int = 0  # 0: not armed
    seen: int = 0
    blown: bool = False

    def check(self, sql: str) -> None:
        """Fail if it is this statement's turn. What undoes must work, as SQLite's does."""
        if not self.at or sql.startswith("ROLLBACK"):
            return
        self.seen += 1
        if self.seen == self.at or (self.lasting and self.seen > self.at):
            self.blown = True
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self.code
            raise error


def connection_with(fuse: Fuse) -> type[sqlite3.Connection]:
    """A connection whose statements pass through the fuse."""

    class Fused(sqlite3.Connection):
        def execute(self, sql, *parameters):
            fuse.check(sql)
            return super().execute(sql, *parameters)

        def executemany(self, sql, *parameters):
            fuse.check(sql)
            return super().executemany(sql, *parameters)

    return Fused


# --- lives of a call --------------------------------------------------------------------------


def whole(there: Walk) -> int:
    """A JSON answer."""
    call = there.admit(chat(max_tokens=50))
    assert isinstance(call, CallInFlight)
    begin(call)
    call.feed(completion(INPUT, OUTPUT))
    call.finish()
    return COST


def streamed(there: Walk) -> int:
    """A stream with its usage."""
    call = there.admit(chat(stream=True, max_tokens=50))
    assert isinstance(call, CallInFlight)
    begin(call, stream=True)
    for piece in (chunk("a"), chunk("b"), chunk(usage=(INPUT, OUTPUT)), b"data: [DONE]\n\n"):
        call.feed(piece)
    call.finish()
    return COST


def hung_up(there: Walk) -> int:
    """A stream whose client leaves: what was seen is the least that it cost."""
    call = there.admit(chat(stream=True, max_tokens=50))
    assert isinstance(call, CallInFlight)
    begin(call, stream=True)
    call.feed(chunk("word"))
    call.broke("the client left", sent=True)
    return 600


def failed(there: Walk) -> int:
    """The provider's own error is free."""
    call = there.admit(chat(max_tokens=50))
    assert isinstance(call, CallInFlight)
    begin(call, status=500)
    call.feed(b'{"error": {"message": "no"}}')
    call.finish()
    return 0


def never_sent(there: Walk) -> int:
    """The provider was not reached."""
    call = there.admit(chat(max_tokens=50))
    assert isinstance(call, CallInFlight)
    call.broke("no connection", sent=False)
    return 0


def sliced(there: Walk) -> int:
    """A long stream that holds its output slice by slice, and is cut where it cannot hold more."""
    call = there.admit(chat(stream=True, max_tokens=10_000))
    assert isinstance(call, CallInFlight)
    begin(call, stream=True)
    word = chunk("word ")
    for generated in range(1, WRITTEN + 1):
        call.feed(word)
        if call.cut:
            return generated * 600
    call.feed(chunk(usage=(INPUT, WRITTEN)))
    call.finish()
    return INPUT * 150 + WRITTEN * 600


LIVES = [whole, streamed, hung_up, failed, never_sent, sliced]

CODES = {
    "disk full": sqlite3.SQLITE_FULL,
    "locked": sqlite3.SQLITE_BUSY,
}


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "until it is repaired"])
@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_no_failing_write_loses_a_cost_or_leaks_a_hold(
    life: Callable[[Walk], int], *, code: int, lasting: bool, tmp_path
) -> None:
    """At every statement: refused and nothing held, or served and posted once it can be."""
    refused = served = 0
    for at in range(1, STATEMENTS_MAX):
        fuse = Fuse(code, lasting=lasting)
        clock = FakeClock()
        ledger = SqliteLedger(tmp_path / f"{at}.db", clock=clock, factory=connection_with(fuse))
        there = walk(ledger=ledger, **({"budgets": SLICED} if life is sliced else {}))
        fuse.at = at
        try:
            least = life(there)
            served += 1
        except LedgerError:
            least = 0
            refused += 1
        fuse.at = 0
        there.firewall.keep_house()

        assert there.balance.held == 0, f"statement {at} leaked a hold"
        assert there.balance.spent >= least, f"statement {at} lost a cost"
        if life not in (hung_up, sliced):
            assert there.balance.spent == least, f"statement {at} made up a cost"
        assert not there.firewall.shared.unsettled
        assert ledger.audit() == []
        there.firewall.close()
        if not fuse.blown:
            break
    else:
        pytest.fail("the life never ended without a failure")
    assert refused, "no failure hit the admission"
    assert served > 1, "no failure hit the settlement"


def test_a_refusal_that_cannot_be_recorded_still_refuses(tmp_path) -> None:
    """At the cap every failing statement ends in an error or a refusal, never in a call."""
    for at in range(1, 60):
        fuse = Fuse(sqlite3.SQLITE_FULL, lasting=False)
        ledger = SqliteLedger(
            tmp_path / f"{at}.db", clock=FakeClock(), factory=connection_with(fuse)
        )
        there = walk("0", ledger=ledger)
        fuse.at = at
        with suppress(LedgerError):
            assert isinstance(there.admit(chat(max_tokens=50)), Refused)
        there.firewall.close()
        if not fuse.blown:
            return
    pytest.fail("the refusal never came without a failure")


def test_a_full_disk_refuses_and_the_proxy_goes_on_when_it_has_space(tmp_path) -> None:
    """While nothing can be recorded nothing is sent; then calls are served again."""
    fuse = Fuse(sqlite3.SQLITE_FULL, lasting=True)
    ledger = SqliteLedger(tmp_path / "ledger.db", clock=FakeClock(), factory=connection_with(fuse))
    there = walk(ledger=ledger)
    whole(there)
    fuse.at = 1
    for _ in range(3):
        with pytest.raises(LedgerError, match="disk is full"):
            there.admit(chat(max_tokens=50))
    fuse.at = 0
    whole(there)
    assert (there.balance.spent, there.balance.held) == (2 * COST, 0)


def test_settlements_that_fail_again_are_kept_until_they_can_be_written(tmp_path) -> None:
    """However often housekeeping fails, the hold stays and the cost is posted once."""
    fuse = Fuse(sqlite3.SQLITE_IOERR, lasting=True)
    ledger = SqliteLedger(tmp_path / "ledger.db", clock=FakeClock(), factory=connection_with(fuse))
    there = walk(ledger=ledger)
    calls = [there.admit(chat(max_tokens=50)) for _ in range(3)]
    fuse.at = 1
    for call in calls:
        assert isinstance(call, CallInFlight)
        begin(call)
        call.feed(completion(INPUT, OUTPUT))
        call.finish()
    for _ in range(5):
        there.firewall.settle_late()
        assert len(there.firewall.shared.unsettled) == 3
    fuse.at = 0
    assert there.balance.held > 0
    there.firewall.keep_house()
    assert (there.balance.spent, there.balance.held) == (3 * COST, 0)
    there.firewall.keep_house()
    assert there.balance.spent == 3 * COST
