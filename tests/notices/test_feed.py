"""Every call reaches who asked for it: whatever breaks, nothing is lost and all is known again."""

import json
import logging
from contextlib import closing
from datetime import UTC, datetime

import pytest
from books import NOON, assumed, budget, call, demand, scopes, settled
from notices.consumer import Consumer, until

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.notices import feed as module
from llmcap.notices import sinks
from llmcap.notices.events import EventLog, events_path
from llmcap.notices.feed import CallFeed
from llmcap.notices.sinks import signature
from llmcap.words.rules import ALERTS, AlertTarget, EventKind

BUDGETS = (budget("$9000", name="all"),)
SECRET = "whsec_c2VjcmV0"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Small batches, looked for and tried again at once."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "BATCH_CALLS", 7)
    monkeypatch.setattr(sinks, "RETRY_FIRST", sinks.RETRY_FIRST / 50)


@pytest.fixture
def ledger(tmp_path):
    """One with a call from before anybody asked."""
    opened = SqliteLedger(tmp_path / "l.sqlite3")
    made(opened, "before")
    yield opened
    opened.close()


def made(ledger, name: str) -> None:
    """A call that was settled; its cost is its number."""
    its = call(at=NOON, call_id=name, project="red")
    hold = ledger.hold(its, scopes(BUDGETS, its), demand(900)).hold
    ledger.end(hold, settled(5, tokens=3))


@pytest.fixture
def consumer():
    """A server that remembers."""
    found = Consumer(SECRET)
    yield found
    found.stop()


def feed_of(tmp_path, consumer) -> CallFeed:
    """Brings this ledger's calls there."""
    feed = CallFeed(str(tmp_path / "l.sqlite3"))
    feed.direct([AlertTarget(consumer.url, secret=SECRET, events=(EventKind.CALL,))])
    return feed


def test_calls_come_in_signed_batches_from_now_on(tmp_path, consumer, ledger):
    """Settled, assumed, refused and corrected ones, each once; none from before."""
    feed = feed_of(tmp_path, consumer)
    for number in range(20):
        made(ledger, f"c{number}")
    its = call(at=NOON, call_id="r")
    ledger.refuse(its, None, note="no price")
    hold = ledger.hold(its, scopes(BUDGETS, its), demand(900)).hold
    ledger.end(hold, assumed(9))
    ledger.correct(hold, settled(4))
    until(lambda: any(each["state"] == "correction" for each in consumer.calls.values()))
    feed.close()
    told = list(consumer.calls.values())
    assert [each["call"] for each in told if each["call"].startswith("c")] == [
        f"c{number}" for number in range(20)
    ]
    last = [(each["state"], each["cost_usd"]) for each in told if each["call"] == "r"]
    assert last == [("refused", "0"), ("assumed", "0.000000009"), ("correction", "-0.000000005")]
    assert "before" not in {each["call"] for each in told}
    assert consumer.again == 0
    assert max(consumer.sizes) <= 7
    assert told[0]["attributes"]["project"] == "red"


def test_a_receiver_that_fails_gets_the_same_batch_again(tmp_path, consumer, ledger, caplog):
    """With the same id, until it takes it; the log has one line for all of that."""
    feed = feed_of(tmp_path, consumer)
    consumer.statuses = [500, 503, 302]
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            made(ledger, f"c{number}")
        until(lambda: sum(each["call"].startswith("c") for each in consumer.calls.values()) == 10)
    feed.close()
    assert len([each for each in caplog.records if "calls wait" in each.message]) == 1
    failed = [name for name, status in consumer.asked if status != 204]
    taken = [name for name, status in consumer.asked if status == 204]
    assert len(failed) == 3
    assert set(failed) <= set(taken)


def test_a_webhook_that_fails_in_a_new_way_holds_up_no_other(
    tmp_path, consumer, ledger, caplog, monkeypatch
):
    """A fault of ours in one of them is an attempt that did not arrive; the thread goes on."""
    feed = CallFeed(str(tmp_path / "l.sqlite3"))
    broken = AlertTarget("http://127.0.0.1:9/hook", secret=SECRET, events=(EventKind.CALL,))
    feed.direct([broken, AlertTarget(consumer.url, secret=SECRET, events=(EventKind.CALL,))])
    faulty = feed._sinks[sinks.target_id(broken)]
    rightly = type(faulty).deliver

    def deliver(sink, *given):
        if sink is faulty:
            raise KeyError("nobody thought of it")
        return rightly(sink, *given)

    monkeypatch.setattr(type(faulty), "deliver", deliver)
    for number in range(10):
        made(ledger, f"c{number}")
    until(lambda: sum(each["call"].startswith("c") for each in consumer.calls.values()) == 10)
    feed.close()
    assert "KeyError" in caplog.text


def test_only_webhooks_that_are_brought_to_are_behind(tmp_path, consumer, ledger):
    """One that was taken out of the config keeps its place, and nobody waits for it."""
    path = str(tmp_path / "l.sqlite3")
    with closing(EventLog(events_path(path))) as log:
        feed = feed_of(tmp_path, consumer)
        made(ledger, "c0")
        until(lambda: log.feeds_after() == 4)
        feed.direct([])  # the config was read again
        until(lambda: log.feeds_after() is None)
        feed.close()
        feed = feed_of(tmp_path, consumer)
        until(lambda: log.feeds_after() == 4)
        feed.close()
        made(ledger, "c1")
        CallFeed(path).direct([])  # the next proxy has another config
        assert log.feeds_after() is None


def test_an_answer_that_is_lost_brings_the_same_ids(tmp_path, consumer, ledger):
    """The receiver had it already: by the ids it drops the second one."""
    feed = feed_of(tmp_path, consumer)
    consumer.hang_up_after = 1
    for number in range(10):
        made(ledger, f"c{number}")
    until(lambda: sum(each["call"].startswith("c") for each in consumer.calls.values()) == 10)
    until(lambda: consumer.again > 0)
    feed.close()
    assert sum(each["call"].startswith("c") for each in consumer.calls.values()) == 10


def test_what_is_left_goes_with_the_next_start(tmp_path, consumer, ledger):
    """A receiver that was away, a proxy that ended: from where it was."""
    feed_of(tmp_path, consumer).close()
    for number in range(10):
        made(ledger, f"c{number}")
    consumer.restart()
    feed = feed_of(tmp_path, consumer)
    until(lambda: sum(each["call"].startswith("c") for each in consumer.calls.values()) == 10)
    feed.close()


def test_who_ends_before_its_first_look_brings_too(tmp_path, consumer, ledger, monkeypatch):
    """A run of a moment: nobody may come after it."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 60)
    feed = feed_of(tmp_path, consumer)
    made(ledger, "at once")
    feed.close()
    assert [key.rpartition("-")[0] for key in consumer.calls] == ["at once"]


def test_one_of_several_processes_brings(tmp_path, consumer, ledger):
    """The next one goes on when the first ends."""
    first = feed_of(tmp_path, consumer)
    second = feed_of(tmp_path, consumer)
    made(ledger, "c0")
    until(lambda: any(each["call"] == "c0" for each in consumer.calls.values()))
    first.close()
    made(ledger, "c1")
    until(lambda: any(each["call"] == "c1" for each in consumer.calls.values()))
    second.close()
    assert consumer.again == 0


def test_nobody_gets_calls_who_did_not_ask(tmp_path, consumer, ledger):
    """Alerts alone are what a target gets by itself."""
    feed = CallFeed(str(tmp_path / "l.sqlite3"))
    feed.direct([AlertTarget(consumer.url)])
    feed.close()
    assert EventKind.CALL not in ALERTS
    assert not (tmp_path / "l.sqlite3-feed").exists()


def test_a_ledger_in_memory_is_told(caplog, consumer):
    """There is nothing to read from."""
    feed = CallFeed(":memory:")
    feed.direct([AlertTarget(consumer.url, events=(EventKind.CALL,))])
    assert "in memory only" in caplog.text
    feed.close()


def test_a_batch_is_signed_over_what_is_sent(consumer, ledger, tmp_path):
    """As Standard Webhooks checks it; nothing of a prompt or a key is in it."""
    feed = feed_of(tmp_path, consumer)
    made(ledger, "c0")
    until(lambda: len(consumer.calls) == 1)
    feed.close()
    headers, body = consumer.last
    at = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(SECRET, headers["webhook-id"], at, body)
    assert abs(at - datetime.now(UTC).timestamp()) < 600
    assert set(json.loads(body)["calls"][0]) == {
        "id", "call", "at", "state", "provider", "endpoint", "model", "model_asked", "usage",
        "cost_usd", "attributes", "response_id", "note",
    }  # fmt: skip
