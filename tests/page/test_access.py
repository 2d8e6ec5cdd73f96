"""Tokens and sessions: what they say, and how long."""

import pytest

from llmcap.page.access import SESSIONS_MAX, Access, Role, role_of, secret_for, token_for
from llmcap.words.errors import ConfigError

SECRET = b"s" * 32


def test_a_token_says_its_role_until_its_time_is_over():
    """And nothing to who has another key."""
    token = token_for(Role("viewer", "web site"), SECRET, now=1_000, seconds=60)
    assert role_of(token, SECRET, now=1_060) == Role("viewer", "web site")
    assert role_of(token, SECRET, now=1_061) is None
    assert role_of(token, b"t" * 32, now=1_000) is None


def test_no_changed_token_says_anything():
    """Each character counts."""
    token = token_for(Role("viewer"), SECRET, now=1_000)
    for at, character in enumerate(token):
        changed = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        assert role_of(changed, SECRET, now=1_000) is None, at


def test_sessions_are_bounded_and_the_oldest_goes_first(monkeypatch):
    """Whoever opens links for ever does not fill the memory."""
    monkeypatch.setattr("llmcap.page.access.time.time", lambda: 1_000)
    access = Access(SECRET, 8378)
    token = token_for(Role("viewer"), SECRET, now=1_000)
    opened = [access.open(token) for _ in range(SESSIONS_MAX + 5)]
    assert len(access.sessions) == SESSIONS_MAX
    assert access.find(opened[0]) is None
    assert access.find(opened[-1]).role == Role("viewer")
    monkeypatch.setattr("llmcap.page.access.time.time", lambda: 1_000 + 17 * 3_600)
    assert access.find(opened[-1]) is None


def test_the_key_is_made_once(tmp_path):
    """Links of one process open the page of another on the same ledger."""
    path = tmp_path / "ledger.sqlite3"
    assert secret_for(path) == secret_for(path)
    assert secret_for(path) != secret_for(tmp_path / "other.sqlite3")


def test_a_key_that_is_none_is_told(tmp_path):
    """A short one could be guessed."""
    (tmp_path / "ledger.page-key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="this is no key of the page: it has 5 bytes, expected"):
        secret_for(tmp_path / "ledger.sqlite3")
