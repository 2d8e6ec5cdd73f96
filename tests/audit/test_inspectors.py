"""Sessions of debugging proxies and clients: metered to the cent, or named with the reason."""

import base64
import gzip
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.cli import main

URL = "https://api.openai.com/v1/chat/completions"
ASKED = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hié"}, "finish_reason": "stop"}
ANSWER = json.dumps(
    {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o", "choices": [CHOICE],
     "usage": USAGE}, ensure_ascii=False,
)  # fmt: skip
PACKED = gzip.compress(ANSWER.encode())
COST = Decimal("0.0035")
AT = "2026-11-02T10:00:00.000+01:00"


def audit(file: Path) -> list[dict[str, Any]]:
    """What `llmcap audit --json` says of a file."""
    done = CliRunner().invoke(main, ["audit", "--json", str(file)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def transaction(**changed: Any) -> dict[str, Any]:
    """One of Charles's, as version 5 writes it."""
    kind = {"headers": [{"name": "Content-Type", "value": "application/json"}]}
    return {
        "status": "COMPLETE", "method": "POST", "scheme": "https", "host": "api.openai.com",
        "actualPort": 443, "path": "/v1/chat/completions", "query": None, "tunnel": False,
        "times": {"start": AT}, "request": {"header": kind, "body": {"text": ASKED}},
        "response": {"status": 200, "sizes": {"body": 9}, "header": kind, "body": {"text": ANSWER}},
        **changed,
    }  # fmt: skip


def test_a_session_of_charles_is_metered(tmp_path: Path) -> None:
    """Texts, packed bodies in base64; what is in a tunnel or was not kept is unknown."""
    encoded = base64.b64encode(PACKED).decode()
    packed_by = {"headers": [{"name": "Content-Encoding", "value": "gzip"}]}
    answer = {"status": 200, "sizes": {"body": 9}, "header": packed_by}
    file = tmp_path / "session.chlsj"
    file.write_text(json.dumps([
        transaction(),
        transaction(response={**answer, "body": {"encoded": encoded}}),
        transaction(response=answer),
        transaction(method="CONNECT", path=None, tunnel=True, response={"status": 200}),
        transaction(status="FAILED", response=None),
    ]))  # fmt: skip
    text, packed, bare, tunnel, failed = audit(file)
    assert [Decimal(row["cost_usd"]) for row in (text, packed)] == [COST, COST]
    assert text["time"] == "2026-11-02T10:00:00+01:00"
    assert {row["cost_usd"] for row in (bare, tunnel, failed)} == {None}
    assert "without a body" in bare["note"]
    assert "encrypted" in tunnel["note"]


@pytest.mark.parametrize("form", ["chunked", "whole"])
def test_a_session_of_fiddler_is_metered(form: str, tmp_path: Path) -> None:
    """As it was on the wire, or with the chunks taken away; in the order of its numbers."""
    head = f"Host: api.openai.com\r\nContent-Type: application/json\r\n\r\n{ASKED}"
    body = b"%x;x=1\r\n%b\r\n3\r\nabc\r\n0\r\n\r\n" % (len(PACKED) - 3, PACKED[:-3])
    body = body.replace(b"abc", PACKED[-3:]) if form == "chunked" else PACKED
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    file = tmp_path / "session.saz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("_index.htm", "")
        archive.writestr("raw/010_c.txt", f"POST /v1/chat/completions HTTP/1.1\r\n{head}")
        archive.writestr("raw/010_s.txt", answer + body)
        archive.writestr("raw/009_c.txt", f"POST {URL} HTTP/1.1\r\n{head}")
        archive.writestr("raw/009_s.txt", answer + body)
        archive.writestr("raw/009_m.xml", f'<SessionTimers ClientBeginRequest="{AT}" />')
    first, second = audit(file)
    assert [first["id"], second["id"]] == ["9", "10"]
    assert [Decimal(row["cost_usd"]) for row in (first, second)] == [COST, COST]
    assert first["time"] == "2026-11-02T10:00:00+01:00"


def test_what_fiddler_did_not_decrypt_is_unknown(tmp_path: Path) -> None:
    """Where it did, the calls in a tunnel stand beside it; a tunnel that was refused had none."""
    answers = [
        "200 Connection Established\r\n\r\nThis is a CONNECT tunnel, through which traffic flows.",
        "200 Connection Established\r\n\r\nHTTPS Decryption is enabled in Fiddler, so sessions ...",
        "502 Bad Gateway\r\n\r\n",
    ]
    file = tmp_path / "session.saz"
    with zipfile.ZipFile(file, "w") as archive:
        for number, answer in enumerate(answers):
            archive.writestr(f"raw/{number}_s.txt", f"HTTP/1.1 {answer}")
            asked = "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n"
            archive.writestr(f"raw/{number}_c.txt", asked)
    rows = audit(file)
    assert [row["cost_usd"] for row in rows] == [None, "0", "0"]
    assert "encrypted" in rows[0]["note"]


def collection(url: object, **more: Any) -> dict[str, Any]:
    """A collection of Postman's with one saved example in a folder."""
    asked = {"method": "POST", "url": url, "body": {"mode": "raw", "raw": ASKED}}
    header = [{"key": "Content-Type", "value": "application/json"}]
    answer = {"name": "ok", "originalRequest": asked, "code": 200, "header": header, "body": ANSWER}
    call = {"name": "call", "request": asked, "response": [answer]}
    return {"info": {"name": "x"}, "item": [{"name": "folder", "item": [call]}], **more}


def test_examples_of_postman_are_metered(tmp_path: Path) -> None:
    """Names in braces are looked up; an address that is not told is said."""
    file = tmp_path / "collection.json"
    known = {"variable": [{"key": "base", "value": "https://api.openai.com"}]}
    named = {"raw": "{{base}}/v1/chat/completions"}
    for each in (collection(URL), collection({"raw": URL}), collection(named, **known)):
        file.write_text(json.dumps(each, indent=1))
        (row,) = audit(file)
        assert Decimal(row["cost_usd"]) == COST
    file.write_text(json.dumps(collection(named)))
    done = CliRunner().invoke(main, ["audit", str(file)])
    assert done.exit_code == 2
    assert "{{base}}" in done.output


@pytest.mark.parametrize("kind", ["base64", "hex"])
def test_a_packed_body_of_polly_is_unpacked(kind: str, tmp_path: Path) -> None:
    """Pieces of what was on the wire, as @pollyjs/core 6.0.6 and, in hexadecimal, older ones."""
    pieces = [PACKED[:50], PACKED[50:]]
    text = [base64.b64encode(each).decode() if kind == "base64" else each.hex() for each in pieces]
    content = {"mimeType": "application/json", "size": 9, "text": json.dumps(text)}
    content |= {"encoding": "base64"} if kind == "base64" else {"_isBinary": True}
    entry = {
        "startedDateTime": AT,
        "request": {"method": "POST", "url": URL, "headers": [], "postData": {"text": ASKED}},
        "response": {"status": 200, "content": content,
                     "headers": [{"name": "content-encoding", "value": "gzip"}]},
    }  # fmt: skip
    file = tmp_path / "recording.har"
    file.write_text(json.dumps({"log": {"creator": {"name": "Polly.JS"}, "entries": [entry]}}))
    (row,) = audit(file)
    assert (row["model"], Decimal(row["cost_usd"])) == ("gpt-4o", COST)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"call_type": "completion", "response_cost": 1, "messages": []}, "llmcap import"),
        ({"usageDetails": {}, "model": "gpt-4o", "input": "x"}, "llmcap import"),
        ({"resourceSpans": []}, "OpenTelemetry"),
        ({"__export_format": 4, "resources": []}, "Insomnia"),
    ],
)
def test_what_has_no_exchange_is_named(content: dict[str, Any], part: str, tmp_path: Path) -> None:
    """With what to do instead, where there is something."""
    file = tmp_path / "export.json"
    file.write_text(json.dumps(content))
    done = CliRunner().invoke(main, ["audit", str(file)])
    assert done.exit_code == 2
    assert part in done.output


def test_an_unknown_endpoint_that_answered_is_not_free(tmp_path: Path) -> None:
    """Where a host serves nothing but an API; what only looks costs nothing."""
    line = {"url": "https://api.openai.com/v1/new", "method": "POST", "status": 200,
            "request_body": ASKED, "response_body": "{}"}  # fmt: skip
    file = tmp_path / "lines.jsonl"
    lines = [line, {**line, "status": 404}, {**line, "method": "GET"}]
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert [row["cost_usd"] for row in audit(file)] == [None, "0", "0"]


def test_a_cassette_of_ruby_may_hold_bytes(tmp_path: Path) -> None:
    """Psych's `!binary`, and a time as HTTP writes it (vcr 6.2)."""
    file = tmp_path / "cassette.yml"
    file.write_text(
        f"---\nhttp_interactions:\n- request:\n    method: post\n    uri: {URL}\n    body:\n"
        f"      encoding: UTF-8\n      string: '{ASKED}'\n  response:\n    status:\n"
        "      code: 200\n    headers:\n      Content-Type:\n      - application/json\n"
        "    body:\n      encoding: ASCII-8BIT\n      string: !binary |-\n"
        f"        {base64.b64encode(ANSWER.encode()).decode()}\n"
        "  recorded_at: Mon, 02 Nov 2026 09:00:00 GMT\n"
    )
    (row,) = audit(file)
    assert Decimal(row["cost_usd"]) == COST
    assert row["time"] == "2026-11-02T09:00:00+00:00"


def test_what_the_recorder_of_responses_wrote_is_metered(tmp_path: Path) -> None:
    """All in one mapping, without what was sent (responses 0.26)."""
    told = {"body": ANSWER, "content_type": "application/json", "method": "POST", "status": 200,
            "headers": {"Keep-Alive": "timeout=5"}, "url": URL}  # fmt: skip
    file = tmp_path / "responses.yaml"
    file.write_text(f"responses:\n- response: {json.dumps(told)}\n")
    (row,) = audit(file)
    assert (row["model"], Decimal(row["cost_usd"])) == ("gpt-4o", COST)
