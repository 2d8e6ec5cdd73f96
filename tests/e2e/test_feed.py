"""Calls of real proxies at a webhook's consumer, whatever is killed."""

import contextlib
import json
import shlex
import sqlite3
from collections.abc import Iterator

import pytest
from notices.consumer import Consumer

from llmcap.words.money import parse_usd

from .people import CURL, User

SECRET = "a secret"


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    """A slow one, that fails now and then."""
    found = Consumer(SECRET)
    found.slow_seconds = 0.02
    yield found
    found.stop()


def ended(user: User) -> set[str]:
    """The ids that the ledger's entries have as events."""
    path = user.home / "data" / "llmcap" / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        rows = ledger.execute(
            "SELECT coalesce(began.call_id, entries.call_id), entries.id FROM entries "
            "LEFT JOIN entries AS began ON began.id = entries.hold_id "
            "WHERE entries.kind NOT IN ('hold', 'extension', 'adjusted')"
        ).fetchall()
    return {f"{call}-{entry}" for call, entry in rows}


def test_calls_of_a_proxy_that_was_killed_come_all_and_once(user: User, consumer: Consumer) -> None:
    """What the consumer has by its ids is the ledger, and the provider's bill."""
    config = user.home / "llmcap.yaml"
    alert = {"webhook": consumer.url, "secret": SECRET, "events": ["call"]}
    config.write_text(json.dumps({"alerts": [alert]}))
    call = shlex.join(CURL)
    consumer.statuses = [500]
    script = f"{call}; {call}; {call} & {call}; kill -9 $PPID; wait"
    first = user.start("--config", str(config), "--", "sh", "-c", script)
    first.communicate(timeout=300)
    consumer.restart()
    user.run("--config", str(config), "--", *CURL)
    runs = 0
    while consumer.calls.keys() != ended(user):
        # What a run has no time for any more goes with the next.
        user.run("--config", str(config), "--", "true")
        runs += 1
        assert runs < 20
    states = [each["state"] for each in consumer.calls.values()]
    assert states.count("settled") + states.count("assumed") >= 4
    told = sum(parse_usd(each["cost_usd"]) for each in consumer.calls.values())
    assert told == user.spent_nanos() >= user.provider.nanos()
