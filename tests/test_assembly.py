"""From options and environment to a firewall, or to an error that names what is wrong."""

import stat

import pytest

from llmcap.assembly import Settings, fingerprint_secret, open_firewall, policy_of, settings_from
from llmcap.errors import LLMCapError


def nobody(kind: str, message: str) -> None:
    """No one listens."""


def test_an_option_wins_over_its_environment_variable(tmp_path):
    """What was typed last counts."""
    environ = {"LLMCAP_CAP": "1", "LLMCAP_CONFIG": "/e.yaml", "LLMCAP_LEDGER": "/e.db"}
    from_environ = settings_from(cap="", config="", ledger="", environ=environ)
    assert (from_environ.cap, str(from_environ.config), from_environ.ledger) == (
        "1",
        "/e.yaml",
        "/e.db",
    )
    from_options = settings_from(cap="2", config="/o.yaml", ledger="/o.db", environ=environ)
    assert (from_options.cap, str(from_options.config), from_options.ledger) == (
        "2",
        "/o.yaml",
        "/o.db",
    )


def test_without_any_setting_there_is_no_budget_and_a_ledger_of_the_user():
    """LLMCap then meters, and caps nothing."""
    settings = settings_from(cap="", config="", ledger="", environ={})
    assert policy_of(settings).budgets == ()
    assert settings.ledger.endswith("ledger.sqlite3")


@pytest.mark.parametrize(
    ("cap", "config", "named"),
    [
        ("banana", None, "banana"),
        ("5/fortnight", None, "fortnight"),
        ("", "missing.yaml", "missing.yaml"),
        ("", "budgetz: []", "budgetz"),
        ("", "budgets: [", "not valid YAML"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, cap, config, named):
    """No traffic passes under half a policy."""
    path = None
    if config is not None:
        path = tmp_path / config if config.endswith(".yaml") else tmp_path / "llmcap.yaml"
        if path.name == "llmcap.yaml":
            path.write_text(config)
    with pytest.raises(LLMCapError, match=named):
        open_firewall(Settings(cap, path, str(tmp_path / "l.db")), notify=nobody)


def test_a_ledger_where_nothing_can_be_written_is_named(tmp_path):
    """A path below a file can be no ledger, whoever tries."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LLMCapError, match="file"):
        open_firewall(Settings("5", None, str(tmp_path / "file" / "l.db")), notify=nobody)


def test_the_secret_of_the_fingerprints_is_made_once_and_for_its_owner_only(tmp_path):
    """The same key has the same fingerprint after a restart."""
    ledger = str(tmp_path / "ledger.sqlite3")
    secret = fingerprint_secret(ledger)
    assert len(secret) == 32
    assert fingerprint_secret(ledger) == secret
    path = tmp_path / "ledger.fingerprint-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fingerprint_secret(":memory:") != fingerprint_secret(":memory:")
