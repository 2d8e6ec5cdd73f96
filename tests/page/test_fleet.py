"""The page of a fleet, with real nodes on a real PostgreSQL."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from fleet import asked, config, down, firewalls, wait_until
from fleet import served as spent
from served import served

from llmcap.ledger import history, queries
from llmcap.ledger.names.keys import name_key
from llmcap.page import fleet as fleet_module
from llmcap.page.books import Books, Nodes
from llmcap.page.fleet import Fleet
from llmcap.words.records import Admit, Deny

CENT = 10_000_000
KEY = "aa00000000b1"


@pytest.fixture
def nodes(database, tmp_path, monkeypatch):
    """Two, which have spent five and seven cents, and the second holds a dollar."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with firewalls(tmp_path, config(database)) as opened:
        first, second = opened
        spent(first, 5 * CENT, name="one", project="red", key=KEY)
        spent(second, 7 * CENT, name="two", project="blue")
        assert isinstance(asked(second, 100 * CENT, name="three", project="blue"), Admit)
        yield opened


@pytest.fixture
def page(nodes, database, tmp_path):
    """That of the first node's machine."""
    with served(tmp_path / "a", treasury=database) as found:
        yield found


def test_every_view_is_the_fleets_or_a_nodes(page, nodes):
    """Budgets by the treasury, calls by the nodes' entries; one node, or this ledger alone."""
    client = page.client()
    assert client.get("/api/session")["fleet"]
    client.until("/api/calls", lambda found: len(found["calls"]) == 3)
    now = client.until("/api/now", lambda found: found["budgets"][0]["spent"] == "0.12")
    assert Decimal(now["budgets"][0]["held"]) >= 1
    assert (now["fleet"]["shown"], now["fleet"]["running"], now["fleet"]["note"]) == ("", 2, "")
    assert [each["id"] for each in now["in_flight"]] == ["three"]
    assert client.get("/api/spend?by=project")["total"]["cost_usd"] == "0.12"
    by_node = client.get("/api/spend?by=node")["top"]
    assert sum(each["calls"] for each in by_node) == 3
    assert client.get("/api/exposure")["worst_usd"] == "4.88"
    one, two = (each["id"] for each in now["fleet"]["nodes"])
    assert {node.ledger._desk._node_id for node in nodes} == {one, two}
    mine = client.get(f"/api/calls?node={one}")["calls"]
    other = client.get(f"/api/calls?node={two}")["calls"]
    assert sorted(each["id"] for each in [*mine, *other]) == ["one", "three", "two"]
    assert client.get(f"/api/call/{mine[0]['entry']}?node={one}")["id"] == mine[0]["id"]
    assert client.get(f"/api/spend?node={one}")["total"]["cost_usd"] == "0.05"
    assert client.get(f"/api/now?node={two}")["budgets"][0]["spent"] == "0.07"
    assert (now["told"], client.get(f"/api/now?node={two}")["told"]) == (True, False)
    here = client.get("/api/calls?node=here")
    assert ([each["id"] for each in here["calls"]], here["fleet"]["shown"]) == (["one"], "here")
    lines = client.get(f"/api/calls.csv?node={two}").decode().splitlines()
    assert len(lines) == 3
    status, _, body = client.ask("/api/now?node=../../etc/passwd")
    assert (status, "there is no node" in body["error"]) == (400, True)


def test_a_change_on_the_page_is_in_force_on_all_nodes(page, nodes):
    """And is undone by the page."""
    client = page.client()
    less = {"do": "set", "name": "all", "amount": "1", "reason": "less"}
    status, _, done = client.change("/api/budget", less)
    assert (status, done["undo"]) == (200, {"do": "set", "amount": "$5.00"})
    for number, node in enumerate(nodes):
        wait_until(lambda n=node, i=number: isinstance(asked(n, 200 * CENT, name=f"{i}"), Deny))
    assert client.until("/api/now", lambda found: found["budgets"][0]["cap"] == "1")["budgets"][0][
        "raised"
    ]
    assert client.change("/api/budget", {**less, **done["undo"]})[0] == 200
    pause = {"do": "pause", "name": "all", "reason": "night"}
    assert client.change("/api/budget", pause)[2]["undo"] == {"do": "resume"}
    assert (
        client.until("/api/now", lambda found: found["budgets"][0]["paused"])["budgets"][0]["cap"]
        == "5"
    )


def test_what_nobody_foresaw_ends_no_look(tmp_path, monkeypatch):
    """It is told like an outage, and the next question has the fleet's books again."""
    monkeypatch.setattr(fleet_module, "LOST_SECONDS", 0)
    fleet = Fleet("postgresql://127.0.0.1:1/x", tmp_path / "ledger.sqlite3")
    looks = iter([ValueError("a row of another shape"), KeyError("cap")])
    books = Books(tmp_path / "ledger.sqlite3", tmp_path / "all.sqlite3")

    def look(_):
        if (error := next(looks, None)) is not None:
            raise error
        return Nodes(datetime.now(UTC), ()), {"": books}

    monkeypatch.setattr(fleet, "_look", look)
    stop = threading.Event()
    looking = threading.Thread(target=fleet.follow, args=(stop,))
    looking.start()
    try:
        notes = [fleet.books("").note for _ in range(3)]
    finally:
        stop.set()
        looking.join()
    assert notes == ["ValueError: a row of another shape", "KeyError: 'cap'", ""]


def test_an_outage_is_told_and_this_node_shown(page, nodes, postgres, monkeypatch):
    """Its own ledger, in every view; when the treasury is back, so are the fleet's books."""
    monkeypatch.setattr(fleet_module, "LOST_SECONDS", 0.2)
    client = page.client()
    client.until("/api/calls", lambda found: len(found["calls"]) == 3)
    with down(postgres):
        now = client.until("/api/now", lambda found: found["fleet"]["note"])
        assert "treasury" in now["fleet"]["note"]
        assert (now["fleet"]["shown"], len(now["fleet"]["nodes"])) == ("here", 2)
        assert now["budgets"][0]["spent"] == "0.05"
        for view in ("/api/spend", "/api/calls", "/api/exposure"):
            assert client.get(view)["fleet"]["note"], view
        assert [each["id"] for each in client.get("/api/calls")["calls"]] == ["one"]
        status, _, body = client.change(
            "/api/budget", {"do": "raise", "name": "all", "amount": "1", "reason": "r"}
        )
        assert (status, bool(body["error"])) == (503, True)
    assert (
        client.until("/api/now", lambda found: not found["fleet"]["note"])["budgets"][0]["spent"]
        == "0.12"
    )


def test_a_viewer_of_one_project_learns_of_no_other_nor_of_machines(page):
    """Of the fleet as of one machine."""
    client, everybody = page.client("viewer", "red"), page.client()
    everybody.until("/api/calls", lambda found: len(found["calls"]) == 3)
    assert [each["id"] for each in client.get("/api/calls")["calls"]] == ["one"]
    found = client.get("/api/now")
    assert (found["budgets"], found["in_flight"], found["fleet"]["nodes"]) == ([], [], [])
    for each in everybody.get("/api/calls")["calls"]:
        status = client.ask(f"/api/call/{each['entry']}")[0]
        assert status == (200 if each["id"] == "one" else 404)


def test_keys_have_their_names_in_the_books_of_the_fleet(page, tmp_path):
    """As they are called on this machine; a name that is taken away is gone there too."""
    client = page.client()
    for name in ("ci", "night", ""):
        name_key(tmp_path / "a", KEY, name, why="a test")
        wait_until(lambda name=name: called(client) == (name or None))


def called(client):
    """What the key of the first call is called."""
    calls = client.get("/api/calls?project=red")["calls"]
    return client.get(f"/api/call/{calls[0]['entry']}")["key_name"] if calls else "not yet"


def test_without_a_treasury_there_are_no_nodes(tmp_path, database):
    """A question about one is told so, in a sentence."""
    with firewalls(tmp_path, "budgets: [{name: all, cap: 5, every: day}]", "a") as (node,):
        spent(node, CENT)
        with served(tmp_path / "a") as page:
            client = page.client()
            assert client.get("/api/now")["fleet"] is None
            status, _, body = client.ask("/api/now?node=x")
            assert (status, "under a treasury only" in body["error"]) == (400, True)


def test_a_long_first_copy_keeps_nobody_waiting(nodes, database, tmp_path, monkeypatch):
    """This machine's ledger is shown meanwhile, and the note says why."""
    monkeypatch.setattr(fleet_module, "PATIENCE_SECONDS", 0)
    fleet = Fleet(database, tmp_path / "a")
    books = fleet.books("")
    assert (books.path, "copied" in books.note) == (tmp_path / "a", True)
    with history.reading(books.path) as db:
        rows = [row for of_one in books.balances(db, nodes[0].clock()) for row in of_one]
        assert rows == queries.balances(db, nodes[0].clock(), books.budgets(db))
