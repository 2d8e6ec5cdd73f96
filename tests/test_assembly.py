"""From options and environment to a firewall, or to an error that names what is wrong."""

import sqlite3
import stat
import time
from contextlib import closing

import pytest

from llmcap.assembly import Settings, fingerprint_secret, open_firewall, policy_of, settings_from
from llmcap.notices.events import EventLog, events_path
from llmcap.words.errors import LedgerBusy, LedgerError, LLMCapError
from llmcap.words.records import Call


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


@pytest.mark.parametrize("left", [b"", b"short"], ids=["empty", "short"])
def test_a_secret_that_was_cut_off_is_told_and_never_used(tmp_path, left):
    """Whoever reads the ledger could test a key against fingerprints that anybody can make."""
    path = tmp_path / "l.fingerprint-key"
    path.write_bytes(left)
    said = f"this is no key for fingerprints: it has {len(left)} bytes, expected 32\nhint: put back"
    with pytest.raises(LedgerError, match=said):
        open_firewall(Settings("5", None, str(tmp_path / "l.db")), notify=nobody)
    assert path.read_bytes() == left


def test_what_cannot_be_told_leaves_no_ledger_open(tmp_path, monkeypatch):
    """Telemetry whose packages are missing: the ledger that was opened for it is closed."""
    monkeypatch.setattr("llmcap.telemetry.exporter.importlib.util.find_spec", lambda _: None)
    config, ledger = tmp_path / "llmcap.yaml", tmp_path / "l.db"
    config.write_text("telemetry: http://127.0.0.1:1")
    with pytest.raises(LLMCapError, match="packages of OpenTelemetry"):
        open_firewall(Settings("5", config, str(ledger)), notify=nobody)
    with closing(sqlite3.connect(ledger)) as db:
        ((ended_at,),) = db.execute("SELECT ended_at FROM processes").fetchall()
    assert ended_at is not None


@pytest.fixture
def changing(tmp_path):
    """A firewall over a config file, what it noted, and a way to write the file and keep house."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("budgets: [{name: a, cap: 1}]")
    noted: list[tuple[str, str]] = []
    settings = Settings("5/day", path, str(tmp_path / "l.db"))
    firewall = open_firewall(settings, notify=lambda *event: noted.append(event))

    def write(text: str) -> None:
        path.write_text(text)
        firewall.keep_house()

    yield firewall, noted, write
    firewall.close()


def caps(firewall) -> dict[str, int]:
    """The caps in force, by budget, in dollars."""
    return {budget.name: budget.cap // 10**9 for budget in firewall.policy.budgets}


def test_a_changed_config_is_in_force_within_a_second(changing):
    """With the cap of the command line, and prices of its own."""
    firewall, noted, write = changing
    assert caps(firewall) == {"a": 1, "cap": 5}
    write("budgets: [{name: b, cap: 3}]\nprices: {openai/mine: {input: 1, output: 2}}")
    assert caps(firewall) == {"b": 3, "cap": 5}
    assert firewall.shared.prices.find("openai", "mine", firewall.clock()) is not None
    assert noted == []


def test_a_config_that_became_wrong_changes_nothing_loudly(changing, tmp_path):
    """Once per change, to the log and to who is alerted; the next good one counts again."""
    firewall, noted, write = changing
    write("budgets: [{name: b, cap: banana}]")
    firewall.keep_house()
    assert caps(firewall) == {"a": 1, "cap": 5}
    ((kind, text),) = noted
    assert kind == "config_error"
    assert "llmcap.yaml:1: budgets.0.cap: 'banana'" in text
    write("budgets: [{name: b, cap: 2}]")
    assert caps(firewall) == {"b": 2, "cap": 5}
    firewall.close()
    (event,) = EventLog(events_path(str(tmp_path / "l.db"))).latest(9)
    assert event["event"] == "config_error"


def test_a_ledger_that_is_busy_only_delays_a_change(changing, monkeypatch):
    """The file is read again a second later."""
    firewall, _, write = changing

    def busy(*_args: object, **_options: object) -> None:
        raise LedgerBusy("in use")

    with monkeypatch.context() as patched:
        patched.setattr(firewall.ledger, "define", busy)
        write("budgets: [{name: b, cap: 3}]")
        assert caps(firewall) == {"a": 1, "cap": 5}
    firewall.keep_house()
    assert caps(firewall) == {"b": 3, "cap": 5}


def test_breakers_are_seen_and_closed_from_outside(tmp_path):
    """By what another process reads and writes beside the ledger, within about two seconds."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("breakers: {repeats: {calls: 1}}")
    firewall = open_firewall(Settings("", path, str(tmp_path / "l.db")), notify=nobody)
    outside = EventLog(events_path(str(tmp_path / "l.db")))
    call = Call("1", firewall.clock(), "openai", "chat", "m")
    breakers = firewall.guard.breakers
    assert [firewall.guard.ask(call, "same") is None for _ in range(2)] == [True, False]

    def until(condition) -> None:
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)
            firewall.keep_house()

    until(lambda: [each.kind for each in outside.breakers()] == ["repeats"])
    outside.ask_to_close("repeats", None, firewall.clock())
    until(lambda: not breakers.states(firewall.clock()))
    until(lambda: outside.breakers() == [])
    firewall.close()
