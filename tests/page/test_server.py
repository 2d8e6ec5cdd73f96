"""The page as browsers ask it: who gets nothing, what is told, and what an admin changes."""

import csv
import http.client
import io
import json
import re
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from books import budget, call, demand, scopes
from page.conftest import BUDGETS, EVIL, NOW, made
from served import SECONDS, Client, served

from llmcap.ledger import history, queries, spans
from llmcap.ledger.follower import Follower
from llmcap.notices.courier import Courier
from llmcap.notices.events import WaitingCall, events_path
from llmcap.page import handlers, server
from llmcap.page.access import Role, secret_for, token_for
from llmcap.page.server import listen, main
from llmcap.words.errors import ConfigError

READS = ("/api/session", "/api/now", "/api/stream", "/api/spend", "/api/calls", "/api/calls.csv",
         "/api/call/1", "/api/exposure")  # fmt: skip
CHANGES = ("/api/budget", "/api/breaker", "/api/key")
RAISE = {"do": "raise", "name": "all", "amount": "5", "reason": "a test"}


@pytest.mark.parametrize("asked", [*READS, *CHANGES, "/api/none"])
def test_without_a_session_there_is_nothing(page, asked):
    """No token, no document: neither with none nor with a cookie that somebody made up."""
    for cookie in ("", f"llmcap_page_{page.port}=made-up", "llmcap_page_1=x"):
        status, _, body = Client(page.port, cookie).ask(asked)
        assert status == 401
        assert list(body) == ["error"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.x:1", ""])
def test_another_name_for_the_page_gets_nothing(page, host):
    """A name that somebody let lead to loopback (DNS rebinding) is not ours."""
    client = page.client()
    for path in (*READS, "/", "/main.js"):
        assert client.ask(path, Host=host)[0] in (400, 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_origin_gets_nothing(page, site):
    """Whatever it asks for, and with whichever cookie its browser sends."""
    client = page.client()
    for path in READS:
        assert client.ask(path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")[0] == 403
    origin = "http://evil.example"
    assert client.change("/api/budget", RAISE, Origin=origin)[0] == 403
    assert client.change("/api/budget", RAISE, Origin="null")[0] == 403


def test_a_change_needs_the_page_s_own_secret(page, ledger):
    """A form on another page has the cookie, and not what only our page can read."""
    client = page.client()
    assert client.change("/api/budget", RAISE, X_LLMCap_CSRF="guess")[0] == 403
    assert client.ask("/api/budget", "POST", RAISE)[0] == 403
    other = page.client()
    assert client.change("/api/budget", RAISE, X_LLMCap_CSRF=other.csrf)[0] == 403
    assert client.ask("/api/budget", "PUT", RAISE)[0] == 405


def test_a_viewer_changes_nothing(page, path):
    """Whatever its page would let it do."""
    client = page.client("viewer")
    for change in CHANGES:
        assert client.change(change, RAISE)[0] == 403
    assert raised(path) == 0


def raised(path: Path) -> int:
    """By how much the budget `all` is raised."""
    with history.reading(path) as db:
        budget = history.definitions(db)[0][0]
        return queries.balances(db, datetime.now().astimezone(), [budget])[0][1].raised


def test_what_nobody_foresaw_is_told_and_counted_later(path, ledger, monkeypatch, capfd):
    """The rollups are kept again after any error, and not only after one of the ledger's."""
    faults = [KeyError("sold"), sqlite3.DatabaseError("database disk image is malformed")]
    step = Follower.step

    def odd(follower: Follower) -> bool:
        if faults:
            raise faults.pop()
        return step(follower)

    monkeypatch.setattr(Follower, "step", odd)
    monkeypatch.setattr(server, "AGAIN_SECONDS", 0)
    with served(path) as page:
        page.client().until("/api/spend", lambda found: not found.get("counting"))
    said = capfd.readouterr().err
    assert "the page cannot count: KeyError: 'sold'" in said
    assert "the page cannot count: DatabaseError: database disk image is malformed" in said


def test_a_link_is_good_for_its_time_and_as_it_was_made(page, path):
    """A changed one, one of another ledger and an old one open nothing."""
    secret = secret_for(path)
    good = token_for(Role("admin"), secret, now=time.time())
    other = token_for(Role("admin"), b"x" * 32, now=time.time())
    old = token_for(Role("admin"), secret, now=time.time() - 3_600)
    body, _, signature = token_for(Role("viewer"), secret, now=time.time()).partition(".")
    mixed = good.partition(".")[0] + "." + signature
    for token in (other, old, mixed, body, body + ".", "", "a.b.c", good + "x", "é." + signature):
        status, headers, _ = Client(page.port).ask("/?token=" + token.replace("é", "%C3%A9"))
        assert status in (200, 401)
        assert "Set-Cookie" not in headers
    status, headers, _ = Client(page.port).ask("/?token=" + good)
    assert (status, headers["Location"]) == (302, "/")
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]
    assert oct(path.with_suffix(".page-key").stat().st_mode)[-3:] == "600"


def test_everything_has_the_headers_that_keep_it_in(page):
    """And nothing in the page names another host."""
    for path in handlers.FILES:
        status, headers, body = Client(page.port).ask(path)
        assert status == 200, path
        body = b"" if "vendor" in path else body  # it cites pages in its comments
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        hosts = set(re.findall(rb"https?://([\w.-]+)", body)) - {b"www.w3.org", b"github.com"}
        assert not hosts, path
        assert b"<script>" not in body
    assert Client(page.port).ask("/none.js")[0] == 401
    assert Client(page.port).ask("/../access.py")[0] in (401, 404)


def test_now_tells_budgets_flight_and_refusals(page):
    """With amounts as exact texts."""
    found = page.client("viewer").get("/api/now")
    whole = found["budgets"][0]
    assert (whole["name"], whole["cap"], whole["held"]) == ("all", "9", "0.7")
    assert whole["spent"] == "0.600000015"
    assert {each["value"] for each in found["budgets"]} >= {"red", '<img src=x onerror="alert(1)">'}
    assert [call["held_usd"] for call in found["in_flight"]] == ["0.7"]
    assert [call["note"] for call in found["refused"]] == ["refused by all"]
    assert found["proxies"] == 1


def test_now_tells_who_waits_and_what_was_clamped(page, path, ledger):
    """Of all proxies, as each tells it; a viewer of one project sees that project's."""
    now = datetime.now(UTC)
    its = call(at=now, call_id="c9", project="blue")
    budgets = (budget("$9/month", name="all"),)
    decision = ledger.hold(its, scopes(budgets, its), demand(per=10_000_000, limit=9_000, least=1))
    assert decision.output_limit
    courier = Courier(events_path(str(path)))
    waits = [WaitingCall(now, "openai", "m", each, "", ("all", "each")) for each in ("red", "b")]
    courier.show_waiting(waits)
    admin, viewer = page.client("admin"), page.client("viewer", "red")
    admin.until("/api/now", lambda found: len(found["waiting"]) == 2)
    (mine,) = viewer.get("/api/now")["waiting"]
    assert (mine["project"], mine["budgets"]) == ("red", ["all", "each"])
    (clamped,) = admin.get("/api/now")["clamped"]
    assert clamped["note"] == f"clamped to {decision.output_limit:,} output tokens"
    courier.close()
    assert admin.get("/api/now")["waiting"] == []


def test_spend_is_what_a_reading_of_all_calls_says(page, path):
    """Totals, steps and shares; with a filter and without."""
    client = page.client("viewer")
    found = counted(client, "/api/spend?by=project&zone=Asia/Kathmandu")
    with history.reading(path) as db:
        exact = spans.sums(
            spans.calls_within(db), ("project",), zone=datetime.now().astimezone().tzinfo
        )
    assert {each["value"]: each["calls"] for each in found["top"]} == {
        key: each.calls for (key,), each in exact.items()
    }
    steps = [sum(map(float, each["cost_usd"])) for each in found["series"]]
    assert sum(steps) == pytest.approx(float(found["total"]["cost_usd"]))
    assert found["total"]["assumed_usd"] == "0.100000004"
    some = client.get("/api/spend?by=model&project=red")
    assert some["total"]["calls"] == 4
    assert sum(map(float, some["series"][0]["cost_usd"])) == pytest.approx(0.300000006)
    days = client.get(f"/api/spend?by=client&since={days_ago(90)}&zone=Europe/Berlin")
    assert 90 <= len(days["steps"]) <= 92


def test_spend_goes_by_what_the_config_takes_from_metadata(page):
    """The page offers the names that calls have had."""
    client = page.client("viewer")
    counted(client, "/api/spend")
    found = client.until("/api/spend?by=metadata.team", lambda found: found["metadata"])
    assert found["metadata"] == ["metadata.team"]
    assert {each["value"]: each["calls"] for each in found["top"]} == {"search": 2, "": 5}
    assert client.get("/api/spend?by=model&metadata.team=search")["total"]["calls"] == 2
    assert len(client.get("/api/calls?metadata.team=search")["calls"]) == 2


def days_ago(days: int) -> str:
    """That moment as an address has it."""
    at = datetime.now().astimezone() - timedelta(days=days)
    return at.replace(microsecond=0).isoformat().replace("+", "%2B")


def counted(client, path: str):
    """The document, when the follower has been there."""
    return client.until(path, lambda found: not found.get("counting"))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["c8", "c7", "c5", "c4", "c3", "c2", "c1", "c0"]),
        ("?project=red", ["c8", "c7", "c4", "c2", "c0"]),
        ("?state=refused", ["c7"]),
        ("?state=held", ["c8"]),
        ("?state=assumed&project=red", ["c4"]),
        ("?model=GPT-*&client=codex&state=settled", ["c5", "c3", "c2", "c1", "c0"]),
        ("?project=nobody", []),
        ("?metadata.team=search", ["c3", "c0"]),
        ("?budget=all", ["c7"]),
    ],
)
def test_calls_are_found_by_anything(page, query, ids):
    """Over the whole ledger, counted or not; the newest entries first."""
    client = page.client("viewer")
    counted(client, "/api/spend")
    assert sorted(call["id"] for call in client.get("/api/calls" + query)["calls"]) == sorted(ids)
    lines = list(csv.DictReader(io.StringIO(client.get("/api/calls.csv" + query).decode())))
    assert sorted(line["id"] for line in lines) == sorted(ids)


def test_pages_of_calls_go_on_where_they_ended(page, monkeypatch):
    """Each call once."""
    monkeypatch.setattr("llmcap.page.calls.PAGE", 3)
    monkeypatch.setattr("llmcap.page.calls.READ", 2)
    client, seen, before = page.client(), [], ""
    counted(client, "/api/spend")
    while before is not None:
        found = client.get("/api/calls?before=" + before)
        seen += [call["entry"] for call in found["calls"]]
        before = found["next"]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 8


def test_one_call_is_told_line_by_line(page):
    """Its entries, its usage with rates and where they are from."""
    client = page.client()
    calls = client.get("/api/calls?state=assumed")["calls"]
    found = client.get(f"/api/call/{calls[0]['entry']}")
    assert [each["kind"] for each in found["entries"]] == ["hold", "assumed"]
    assert found["usage"][0]["unit"] == "input_tokens"
    assert float(found["usage"][0]["rate_usd"]) > 0
    assert found["price"]["source"]
    assert client.ask("/api/call/999999")[0] == 404


OTHER = "onerror"  # is in the name of the other project, and in nothing of this one's


def test_a_viewer_of_one_project_learns_of_no_other(page, path, ledger):
    """In no document, list, file or stream, whatever it asks for."""
    ledger.define((
        *BUDGETS,
        budget("$7/day", name="mine", project="red"),
        budget("$7/day", name="onerror's", project=EVIL),
        budget("$7/day", name="onerror too", per=("customer",)),
    ))  # fmt: skip
    its = replace(made(9, NOW, EVIL), attributes={"project": EVIL, "metadata.onerror": "secret"})
    ledger.refuse(its, None, note="onerror")
    client, everybody = page.client("viewer", "red"), page.client()
    counted(client, "/api/spend")
    everybody.until("/api/spend", lambda found: "metadata.onerror" in found["metadata"])
    waits = WaitingCall(datetime.now(UTC), "openai", "m", EVIL, "", (OTHER,))
    courier = Courier(events_path(str(path)))
    courier.show_waiting([waits])
    everybody.until("/api/now", lambda found: found["waiting"])
    asked = ["/api/session", "/api/now", "/api/exposure"]
    for query in (
        "", "?by=project", "?by=metadata.onerror", "?by=budget", "?project=%3Cimg",
        f"?project={quote(EVIL)}", "?metadata.onerror=secret", "?by=project&state=refused",
    ):  # fmt: skip
        asked += [f"/api/spend{query}", f"/api/calls{query}", f"/api/calls.csv{query}"]
    for each in asked:
        assert OTHER not in answered(client, each), each
    for each in ("/api/now", "/api/exposure", "/api/spend?by=project", "/api/calls.csv"):
        assert OTHER in answered(everybody, each), "else the question would find nothing"
    assert OTHER not in json.dumps(streamed(client, page.port))
    assert client.ask("/metrics")[0] == 403
    assert [each["value"] for each in client.get("/api/spend?by=project")["top"]] == ["red"]
    assert {each["name"] for each in client.get("/api/now")["budgets"]} == {"each", "mine"}
    for each in everybody.get("/api/calls")["calls"]:
        status = client.ask(f"/api/call/{each['entry']}")[0]
        assert status == (404 if OTHER in each["project"] else 200)
    for change in CHANGES:
        assert client.change(change, {})[0] == 403
    courier.close()


def answered(client, path: str) -> str:
    """All that an answer tells, but for what it was asked by."""
    status, _, found = client.ask(path)
    assert status == 200, path
    if isinstance(found, bytes):
        return found.decode()
    return json.dumps({name: each for name, each in found.items() if name != "by"})


def streamed(client, port: int) -> dict:
    """The first event of the stream."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
        head = {"Host": client.host, "Cookie": client.cookie}
        connection.request("GET", "/api/stream", headers=head)
        return event(connection.getresponse())


def test_exposure_is_the_worst_case(page):
    """The least of the budgets that count everything bounds the sum."""
    found = page.client("viewer").get("/api/exposure")
    assert found["worst_by"] == "all"
    assert found["worst_usd"] == "8.399999985"
    assert found["budgets"][0]["most_usd"] == "8.399999985"


def test_an_admin_changes_budgets_and_undoes_it(page, path):
    """Each change is an entry with its reason; the way back is told."""
    client = page.client()
    status, _, done = client.change("/api/budget", RAISE)
    assert (status, raised(path)) == (200, 5 * 10**9)
    assert "(a test)" in done["done"]
    again = {**done["undo"], "name": "all", "reason": "undone"}
    assert client.change("/api/budget", again)[0] == 200
    assert raised(path) == 0
    pause = {"do": "pause", "name": "all", "reason": "night"}
    assert client.change("/api/budget", pause)[2]["undo"] == {"do": "resume"}
    assert client.get("/api/now")["budgets"][0]["paused"]
    assert client.get("/api/exposure")["budgets"][-1]["most_usd"] == "0"
    reset = {"do": "reset", "name": "each", "value": "red", "reason": "anew"}
    assert client.change("/api/budget", reset)[2]["undo"] is None
    with history.reading(path) as db:
        notes = [entry.note for entry in queries.entries(db) if entry.kind == "adjusted"]
    assert len(notes) == 4
    assert all("on the page" in note for note in notes)


def test_an_admin_names_a_key_and_takes_it_back(page):
    """The page shows the name in the place of the fingerprint."""
    client = page.client()
    counted(client, "/api/spend")
    named = {"key": "aa", "name": "ci", "reason": "clearer"}
    status, _, done = client.change("/api/key", named)
    assert status == 200
    assert client.get("/api/spend?by=key")["key_names"] == {"aa00000000b1": "ci"}
    assert client.get("/api/call/1")["key_name"] == "ci"
    assert client.change("/api/key", {**done["undo"], "reason": "no"})[0] == 200
    assert client.get("/api/spend?by=key")["key_names"] == {}
    assert "a change needs a reason" in client.change("/api/key", {"key": "aa"})[2]["error"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"do": "raise", "name": "all", "amount": "5"}, "reason"),
        ({"do": "raise", "name": "all", "amount": "lots", "reason": "r"}, "'lots'"),
        ({"do": "raise", "name": "none", "amount": "5", "reason": "r"}, "'none'"),
        ({"do": "raise", "name": "calls", "amount": "$5", "reason": "r"}, "'$5'"),
        ({"do": "steal", "name": "all", "reason": "r"}, "'steal'"),
        ({"do": ["raise"], "name": "all"}, "no text"),
        ([], "JSON object"),
    ],
)
def test_a_wrong_change_is_told_in_a_sentence(page, wanted, told):
    """And changes nothing."""
    status, _, body = page.client().change("/api/budget", wanted)
    assert status == 400
    assert told in body["error"]


@pytest.mark.parametrize(
    "query",
    ["by=secret", "zone=Mars", "zone=../../etc/passwd", "since=soon",
     "since=2026-01-02&until=2026-01-01",
     "since=0001-01-01", "before=x%22"],
)  # fmt: skip
def test_a_wrong_question_is_told_in_a_sentence(page, query):
    """And is nobody's fault but its own."""
    path = "/api/calls?" if query.startswith("before") else "/api/spend?"
    status, _, body = page.client("viewer").ask(path + query)
    assert status == 400
    assert body["error"]


def test_the_stream_tells_what_happens_within_a_moment(page, path):
    """One event at once, another when the ledger was written."""
    client = page.client("viewer")
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=300)
    connection.request("GET", "/api/stream", headers={"Host": client.host, "Cookie": client.cookie})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert event(answer)["budgets"][0]["paused"] is False
    client_of_all = page.client()
    client_of_all.change("/api/budget", {"do": "pause", "name": "all", "reason": "r"})
    events_until(answer, lambda found: found["budgets"][0]["paused"])
    # What stands beside the ledger is told too, from the moment on that there is something.
    courier = Courier(events_path(str(path)))
    courier.show_waiting([WaitingCall(datetime.now(UTC), "openai", "m", "", "", ("all",))])
    events_until(answer, lambda found: found["waiting"])
    courier.close()
    events_until(answer, lambda found: not found["waiting"])
    connection.close()


def test_who_reads_nothing_loses_its_place(page, monkeypatch):
    """A stream ends when nobody takes what it tells: a few of them kept all others out."""
    monkeypatch.setattr(handlers, "STREAMS_MAX", 1)
    monkeypatch.setattr(handlers, "TAKE_SECONDS", 0.1)
    more = "x" * 10_000_000  # than the buffers of two sockets take
    monkeypatch.setattr(handlers, "now_document", lambda *_: {"time": "", "more": more})
    client = page.client("viewer")
    head = f"GET /api/stream HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", page.port), SECONDS) as idle:
        idle.sendall(head.encode())
        assert idle.recv(12) == b"HTTP/1.1 200"
        monkeypatch.setattr(handlers, "now_document", lambda *_: {"time": "", "more": ""})
        deadline = time.monotonic() + SECONDS
        while (status := stream_status(client)) == 503:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert status == 200


def stream_status(client) -> int:
    """What the beginning of a stream is answered with."""
    with closing(http.client.HTTPConnection("127.0.0.1", client.port, timeout=300)) as connection:
        head = {"Host": client.host, "Cookie": client.cookie}
        connection.request("GET", "/api/stream", headers=head)
        return connection.getresponse().status


def events_until(answer, holds) -> None:
    """Read events until one says so."""
    deadline = time.monotonic() + SECONDS
    while not holds(event(answer)):
        assert time.monotonic() < deadline


def event(answer) -> dict:
    """The next one."""
    while not (line := answer.readline()).startswith(b"data: "):
        assert line, "the stream has ended"
    return json.loads(line.removeprefix(b"data: "))


def test_a_ledger_that_cannot_be_read_is_told(page, path):
    """In a sentence, and the page goes on."""
    client = page.client()
    moved = path.with_suffix(".away")
    path.rename(moved)
    status, _, body = client.ask("/api/now")
    assert status == 503
    assert "no ledger" in body["error"]
    moved.rename(path)
    assert client.ask("/api/now")[0] == 200


def test_a_busy_port_is_told(capsys, path):
    """Unless another one will do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be listened on"):
            listen(port)
        with listen(port, or_another=True) as other:
            assert other.getsockname()[1] != port
        assert main(["--ledger", str(path), "--port", str(port)]) == 2
    assert f"port {port}" in json.loads(capsys.readouterr().out)["error"]


def test_nothing_on_the_page_is_a_prompt_or_a_key(page):
    """What a document may have is listed; the ledger has neither."""
    client = page.client()
    call = client.get("/api/calls")["calls"][0]
    assert set(call) == {
        "entry", "id", "time", "state", "provider", "model", "asked", "project", "customer", "user",
        "client", "key", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "held_usd",
        "budgets", "note",
    }  # fmt: skip
