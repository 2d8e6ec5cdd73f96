"""
A proxy of its own, for tests: `python spender.py spend|churn PATH`.

`spend` makes calls against one cap until it is refused, and prints what it paid. `churn` holds and
settles until it is killed, and says on stdout what it is about to do, and what it has done.
"""

import os
import random
import sys
import time

from books import budget, call, demand, scopes, settled

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import LedgerBusy
from llmcap.words.records import Admit, Deny

CALLS = 200
COST_NANOS = 1_000
HELD_NANOS = 3_000
CAP = budget("0.0006", name="shared")  # 600 of the 800 calls that four of them would make


def patiently(step):
    """Do a step until the write lock is there."""
    for _ in range(10_000):
        try:
            return step()
        except LedgerBusy:
            time.sleep(random.random() / 1_000)
    raise AssertionError("the lock never came")


def spend(path: str) -> None:
    """Many small calls, each held at three times what it costs."""
    ledger = SqliteLedger(path)
    paid = 0
    for _ in range(CALLS):
        decision = None
        while not isinstance(decision, Admit | Deny):
            decision = patiently(
                lambda: ledger.hold(call(), scopes([CAP]), demand(HELD_NANOS), patient=True)
            )
        if isinstance(decision, Deny):
            break
        hold = decision.hold
        patiently(lambda hold=hold: ledger.end(hold, settled(COST_NANOS)))
        paid += COST_NANOS
    ledger.close()
    os.write(1, f"{paid}\n".encode())


def churn(path: str) -> None:
    """Hold two calls, settle one of them, for ever; every line is on its way before the step."""
    ledger = SqliteLedger(path)
    number = 0

    def say(*words: object) -> None:
        os.write(1, (" ".join(map(str, words)) + "\n").encode())

    def hold():
        nonlocal number
        number += 1
        nanos = 100 + number
        say("holding", nanos)
        one = patiently(lambda: ledger.hold(call(), scopes([budget("$5")]), demand(nanos))).hold
        say("held", one.id, nanos)
        return one

    while number < 1_000_000:
        kept = hold()
        done = hold()
        say("ending", done.id, number)
        patiently(lambda done=done: ledger.end(done, settled(number)))
        say("ended", done.id, number)
        if number % 4:
            say("ending", kept.id, 7)
            patiently(lambda kept=kept: ledger.end(kept, settled(7)))
            say("ended", kept.id, 7)


if __name__ == "__main__":
    {"spend": spend, "churn": churn}[sys.argv[1]](sys.argv[2])
