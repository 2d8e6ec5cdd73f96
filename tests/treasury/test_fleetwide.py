"""What commands say of a fleet, and change in it, with real nodes on a real PostgreSQL."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from fleet import SECONDS, asked, config, firewall, firewalls, served, wait_until

from llmcap.cli import main
from llmcap.ledger import history
from llmcap.ledger.queries import audit
from llmcap.treasury.announcing import Announcer
from llmcap.treasury.hands import Hands
from llmcap.treasury.mirror import mirrored
from llmcap.words.errors import LedgerError
from llmcap.words.records import Admit, Deny

CENT = 10_000_000


@pytest.fixture
def nodes(database, tmp_path):
    """Two, which serve a budget of five dollars."""
    with firewalls(tmp_path, config(database)) as opened:
        yield opened


@pytest.fixture
def llmcap(database, tmp_path, monkeypatch):
    """The command, with the config of the fleet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = tmp_path / "llmcap.yaml"
    path.write_text(config(database))

    def run(*words):
        result = CliRunner().invoke(main, [*words], env={"LLMCAP_CONFIG": str(path)})
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_reports_and_logs_are_those_of_the_fleet_or_of_a_node(nodes, llmcap, database):
    """Each entry once, however often it is asked; the books of the copy are in order."""
    first, second = nodes
    served(first, 5 * CENT, name="one", project="p")
    served(second, 7 * CENT, name="two")
    for node in nodes:
        node.close()
    for _ in range(2):
        (row,) = json.loads(llmcap("report", "--json", "--by", "model", "--since", "1h"))
        assert (row["calls"], row["cost_usd"]) == (2, "0.12")
    lines = [json.loads(line) for line in llmcap("log", "--json").splitlines()]
    assert [line["id"] for line in lines] == ["one", "two"]
    assert all(line["attributes"]["node"] for line in lines)
    with Hands(database) as hands:
        one, _ = hands.nodes()
        path = mirrored(hands, node_id=one.id)
    (row,) = json.loads(llmcap("report", "--json", "--node", one.id, "--since", "1h"))
    assert row["cost_usd"] == "0.05"
    with history.reading(path) as db:
        assert audit(db) == []
    assert "two" in llmcap("export", "--format", "json")


def test_two_commands_at_once_copy_each_entry_once(nodes, database, tmp_path, monkeypatch):
    """The second finds what the first was about to write."""
    served(nodes[0], 5 * CENT, name="one")
    nodes[0].close()
    places = {"XDG_DATA_HOME": str(tmp_path / "data")}
    with Hands(database) as first, Hands(database) as second:
        entries = first.entries

        def overtaken(*which, **how):
            rows = entries(*which, **how)
            mirrored(second, environ=places)
            return rows

        monkeypatch.setattr(first, "entries", overtaken)
        path = mirrored(first, environ=places)
    with history.reading(path) as db:
        (one,) = history.calls(db, limit=10)
        assert (one.id, audit(db)) == ("one", [])


def test_the_status_is_the_fleets(nodes, llmcap):
    """What is spent, and as held what is allotted; also before anything was."""
    assert (figures(llmcap)["spent_usd"], figures(llmcap)["remaining_usd"]) == ("0", "5")
    served(nodes[0], 5 * CENT, name="one")
    served(nodes[1], 7 * CENT, name="two")
    wait_until(lambda: figures(llmcap)["spent_usd"] == "0.12")
    assert figures(llmcap)["cap_usd"] == "5"
    held = asked(nodes[0], 100 * CENT, name="three")
    assert isinstance(held, Admit)
    assert float(figures(llmcap)["held_usd"]) >= 1


def test_a_ledger_that_is_named_is_read_as_it_is(nodes, llmcap, tmp_path):
    """The status too is that of this machine then, though the config names a treasury."""
    served(nodes[0], 5 * CENT, name="one")
    served(nodes[1], 7 * CENT, name="two")
    said = llmcap("status", "--json", "--ledger", str(tmp_path / "b"))
    assert "shows what this node did" in said
    assert json.loads(said[said.index("{") :])["budgets"][0]["spent_usd"] == "0.07"


def figures(llmcap):
    """The one budget of `status --json`."""
    document = json.loads(llmcap("status", "--json"))
    (budget,) = document["budgets"]
    return budget


def test_a_hand_changes_the_cap_for_all_nodes(nodes, llmcap):
    """Raised, it lets calls go; set lower, it stops them; reset, what was told is forgotten."""
    first, second = nodes
    served(first, 499 * CENT, name="one")
    assert isinstance(asked(second, 2 * CENT, name="two"), Deny)
    said = llmcap("budget", "raise", "all", "2", "--json")
    assert '"cap_usd": "7"' in said
    served(second, 100 * CENT, name="three")
    llmcap("budget", "set", "all", "6")
    wait_until(lambda: isinstance(asked(first, 2 * CENT, name="four"), Deny))
    llmcap("budget", "reset", "all")
    served(second, 590 * CENT, name="five")
    assert isinstance(asked(first, 20 * CENT, name="six"), Deny)


def test_a_pause_is_in_force_on_all_nodes(nodes, llmcap):
    """Without a word to them, though they have money at hand."""
    for number, node in enumerate(nodes):
        served(node, CENT, name=f"before {number}")
    llmcap("budget", "pause", "all")
    for number, node in enumerate(nodes):
        wait_until(lambda node=node: node.ledger._desk.terms.revision > 1)
        found = asked(node, CENT, name=f"after {number}")
        assert isinstance(found, Deny)
        assert found.balance.paused
    llmcap("budget", "resume", "all")
    for number, node in enumerate(nodes):
        wait_until(lambda n=node, i=number: isinstance(asked(n, CENT, name=f"{i}"), Admit))


def test_other_budgets_are_applied_and_stop_nodes_with_others(nodes, llmcap, tmp_path, database):
    """A cap that changes is in force at once; a budget that counts otherwise stops the node."""
    first = nodes[0]
    served(first, CENT, name="one")
    path = tmp_path / "other.yaml"
    path.write_text(config(database, cap="0.02"))
    llmcap("budget", "apply", str(path))
    wait_until(lambda: isinstance(asked(first, 5 * CENT, name="two"), Deny))
    path.write_text(config(database).replace("every: day", "every: day, per: project"))
    llmcap("budget", "apply", str(path))
    wait_until(lambda: first.ledger._desk.unfit)
    with pytest.raises(LedgerError, match="are not those of this config"):
        asked(first, CENT, name="three")
    path.write_text(f"treasury: {database}\n")
    assert "metered, and not capped" in llmcap("budget", "apply", str(path))


def test_a_node_that_is_lost_is_retired(nodes, database, tmp_path):
    """What it had counts as spent; a proxy that lives on as that node is stopped."""
    first, second = nodes
    held = asked(first, 200 * CENT, name="one")
    assert isinstance(held, Admit)
    with Hands(database) as hands:
        lost = next(node for node in hands.nodes() if node.held.get("all", 0) >= 200 * CENT)
        done = hands.retire(lost.id)
        assert done.assumed["all"] >= 200 * CENT
        with pytest.raises(LedgerError, match="was retired before"):
            hands.retire(lost.id)
        with pytest.raises(LedgerError, match="knows no node 'x'"):
            hands.retire("x")
    wait_until(lambda: first.ledger._desk.stopped)
    with pytest.raises(LedgerError, match="was retired"):
        asked(first, CENT, name="two")
    assert isinstance(asked(second, 300 * CENT, name="three"), Deny)
    served(second, 100 * CENT, name="four")


def test_a_threshold_is_told_of_once_in_a_fleet(nodes, database):
    """By whoever says so first, again and again; an outage silences nobody."""
    first, second = (Announcer(database, node.ledger.node()[0]) for node in nodes)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert first.is_first("all\0 80%", tomorrow)
    assert not second.is_first("all\0 80%", tomorrow)
    assert first.is_first("all\0 80%", tomorrow)
    assert second.is_first("all 90%", datetime.now(UTC) - timedelta(hours=1))
    assert first.is_first("all 90%", None)
    assert not second.is_first("all 90%", None)
    assert Announcer(database.replace("127.0.0.1", "127.0.0.9"), "x").is_first("all 90%", None)


def test_what_a_node_tells_of_a_budget_is_asked_of_the_treasury_first(
    database, tmp_path, monkeypatch
):
    """By the courier's thread, which holds up no call."""
    asked_for = []
    monkeypatch.setattr(Announcer, "is_first", lambda _, key, until: asked_for.append((key, until)))
    more = "alerts: [{webhook: 'http://127.0.0.1:9/'}]\n"
    node = firewall(tmp_path / "a", config(database, more=more))
    found = asked(node, 501 * CENT, name="too much")
    assert isinstance(found, Deny)
    node.shared.guard.denied(found)
    wait_until(lambda: asked_for)
    assert asked_for == [(asked_for[0][0], found.scope.resets_at)]
    node.close()


def test_windows_are_the_treasurys(nodes, monkeypatch):
    """A node whose clock is an hour off holds its calls in the windows of all."""
    monkeypatch.setattr("llmcap.treasury.clock.utc_now", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    first, second = nodes
    assert abs((first.clock() - second.clock()).total_seconds()) < SECONDS
    assert first.clock().year > 2020


def test_a_rolling_window_counts_what_all_nodes_spent_in_its_earlier_buckets(database, tmp_path):
    """A bucket of this one is a second long, and what was spent in it counts for a minute more."""
    text = config(database).replace("every: day", "every: 60s")
    first, second = (firewall(tmp_path / name, text) for name in "ab")
    served(first, 450 * CENT, name="one")
    began = first.clock().replace(microsecond=0)
    wait_until(lambda: (first.clock() - began).total_seconds() >= 2)
    for node in (first, second):
        found = asked(node, 60 * CENT, name="too much")
        assert isinstance(found, Deny)
        assert found.balance.spent == 450 * CENT
        served(node, 10 * CENT, name="fits")
    assert isinstance(asked(second, 31 * CENT, name="no more"), Deny)
    first.close()
    second.close()
