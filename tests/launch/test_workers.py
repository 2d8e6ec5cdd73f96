"""The parts of a proxy with several workers; its life is shown in `e2e/test_workers.py`."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from llmcap.assembly import Settings
from llmcap.launch import standing
from llmcap.launch.workers import crew
from llmcap.launch.workers.line import DatagramLine
from llmcap.launch.workers.worker import AsJson, Plan
from llmcap.words.errors import ConfigError

SETTINGS = Settings("5/day", Path("/etc/llmcap.yaml"), "/var/ledger.sqlite3", watch=True)


@pytest.fixture
def lines(tmp_path):
    """The ends of three workers."""
    made = [DatagramLine(tmp_path, number, 3) for number in range(3)]
    yield made
    for each in made:
        each.close()


def test_what_one_says_all_others_hear_in_its_order(lines):
    """And itself does not."""
    first, *others = lines
    first.send(b"one")
    first.send(b"two")
    assert [list(each.received()) for each in (first, *others)] == [[], *[[b"one", b"two"]] * 2]


def test_nobody_waits_for_one_that_is_gone_or_reads_nothing(lines, tmp_path):
    """Who takes its place hears what is said from then on."""
    first, second, _ = lines
    second.close()
    first.send(b"to nobody")
    again = DatagramLine(tmp_path, 1, 3)
    for _ in range(5_000):
        first.send(b"x" * 1_000)
    heard = again.received()
    assert 0 < len(heard) < 5_000
    again.close()


def test_a_plan_survives_its_way_to_the_worker():
    """All of it is JSON."""
    plan = Plan.of(
        SETTINGS, number=1, count=2, folder="/tmp/x", confdir="/ca", roots="/roots",
        host="127.0.0.1", port=8377, page=0,
    )  # fmt: skip
    told = json.loads(json.dumps({name: getattr(plan, name) for name in Plan.__slots__}))
    assert Plan(**told).its_settings() == SETTINGS


def test_what_happens_in_a_worker_is_in_the_log_of_the_proxy(caplog):
    """With its level, whole; what is no message of ours too."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(AsJson("%(message)s"))
    record = logging.LogRecord("llmcap", logging.ERROR, "", 0, "two\nlines", (), None)
    handler.handle(record)
    caplog.set_level(logging.INFO, logger="llmcap.launch.workers")
    crew.relay(io.StringIO(said.getvalue() + "Fatal Python error\n"))
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("ERROR", "two\nlines"), ("WARNING", "Fatal Python error"),
    ]  # fmt: skip


def test_what_workers_cannot_share_is_refused():
    """Before anything is started."""
    with pytest.raises(ConfigError, match="the ledger :memory: is of one process"):
        crew.check(Settings("", None, ":memory:"))


def test_a_system_that_deals_out_no_connections_is_told(monkeypatch):
    """macOS and Windows have one process, and `auto` is one there."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigError, match="darwin does not deal the connections of a port out"):
        crew.check(SETTINGS)
    assert crew.of_cores() == 1


def test_a_port_is_shared_by_those_who_mean_to():
    """And by nobody else."""
    with standing.bind_shared(0, "127.0.0.1") as one:
        one.listen()
        port = one.getsockname()[1]
        with standing.bind_shared(port, "127.0.0.1") as other:
            assert other.getsockname()[1] == port
        with pytest.raises(ConfigError, match="cannot be listened on"):
            standing.bind(port)
