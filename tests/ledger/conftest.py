"""Ledgers for tests: on disk, with a clock that stands; each is audited when its test is over."""

import pytest
from books import FakeClock

from llmcap.ledger.sqlite import SqliteLedger


@pytest.fixture
def clock():
    """A clock that is moved by hand."""
    return FakeClock()


@pytest.fixture
def path(tmp_path):
    """Where the ledger is."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path, clock):
    """An open ledger."""
    opened = SqliteLedger(path, clock=clock)
    yield opened
    assert opened.audit() == []
    opened.close()
