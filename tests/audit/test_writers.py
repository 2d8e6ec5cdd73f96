"""What people have lying about: HAR of many writers, cassettes, logs of assistants, exports."""

import base64
import gzip
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcap.audit.recordings import Recording, read
from llmcap.cli import main
from llmcap.words.errors import FormatError

URL = "https://api.openai.com/v1/chat/completions"
ASK = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {
    "id": "chatcmpl-1", "model": "gpt-5-mini", "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ho"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}  # fmt: skip
COST = "0.00045"  # 0.25 and 2 dollars a million
CLAUDE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6",
    "content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 100, "output_tokens": 10},
}  # fmt: skip


def entry(**changes: Any) -> dict[str, Any]:
    """An entry of a HAR."""
    return {
        "startedDateTime": "2026-11-20T12:00:00.000Z",
        "request": {"method": "POST", "url": URL, "headers": [],
                    "postData": {"mimeType": "application/json", "text": json.dumps(ASK)}},
        "response": {"status": 200, "headers": [],
                     "content": {"mimeType": "application/json", "size": 9,
                                 "text": json.dumps(ANSWER)}},
        **changes,
    }  # fmt: skip


def audited(path: Path) -> list[dict[str, Any]]:
    """`llmcap audit --json`."""
    done = run(path)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def run(path: Path) -> Result:
    """`llmcap audit`."""
    return CliRunner().invoke(main, ["audit", "--json", str(path)])


def written(path: Path, content: bytes | str | Any) -> Path:
    """A file of it."""
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.write_bytes(content)
    return path


# --- HAR --------------------------------------------------------------------------------------


HARS = {
    "plain": json.dumps({"log": {"version": "1.2", "entries": [entry()]}}),
    "byte order mark": "\ufeff" + json.dumps({"log": {"entries": [entry()]}}),
    "another key first": json.dumps({"creator": {}, "log": {"entries": [entry()]}}),
    "over many lines": json.dumps({"x": 1, "log": {"pages": [], "entries": [entry()]}}, indent=2),
    "blanks first": "\n\n  " + json.dumps({"log": {"entries": [entry()]}}),
}


@pytest.mark.parametrize("text", HARS.values(), ids=HARS.keys())
def test_a_har_is_one_whoever_wrote_it(tmp_path: Path, text: str) -> None:
    """Whatever stands before its log."""
    (row,) = audited(written(tmp_path / "a.har", text))
    assert row["cost_usd"] == COST


def test_bodies_beside_a_har_are_found(tmp_path: Path) -> None:
    """As Playwright attaches them: in files of their own, in a folder or in a .zip."""
    kept = entry()
    kept["response"]["content"] = {"mimeType": "application/json", "size": 5, "_file": "ab12.json"}
    kept["request"]["postData"] = {"mimeType": "application/json", "_file": "cd34.json"}
    log = json.dumps({"log": {"entries": [kept]}})
    files = {"ab12.json": json.dumps(ANSWER), "cd34.json": json.dumps(ASK)}
    for name, text in files.items():
        written(tmp_path / name, text)
    assert audited(written(tmp_path / "har.har", log))[0]["cost_usd"] == COST
    with zipfile.ZipFile(tmp_path / "trace.zip", "w") as archive:
        for name, text in {"har.har": log, **files}.items():
            archive.writestr(name, text)
    assert audited(tmp_path / "trace.zip")[0]["cost_usd"] == COST


def test_nothing_is_read_from_elsewhere(tmp_path: Path) -> None:
    """A name of a body is a name in the folder of the HAR, and no way out of it."""
    secret = written(tmp_path / "secret", json.dumps(ANSWER))
    folder = tmp_path / "hars"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    for name in ("../secret", str(secret), "link", "nowhere"):
        kept = entry()
        kept["response"]["content"] = {"size": 5, "_file": name}
        (row,) = audited(written(folder / "a.har", {"log": {"entries": [kept]}}))
        assert row["cost_usd"] is None
        assert row["note"] == "its answer was recorded without a body"


def test_an_answer_that_was_not_recorded_is_not_free(tmp_path: Path) -> None:
    """It has a size and no text; a refused one cost nothing all the same."""
    kept = entry()
    kept["response"]["content"] = {"mimeType": "application/json", "size": 500}
    refused = entry()
    refused["response"] = {"status": 429, "content": {"size": 500}}
    rows = audited(written(tmp_path / "a.har", {"log": {"entries": [kept, refused]}}))
    assert [row["cost_usd"] for row in rows] == [None, "0"]


def session(**changes: Any) -> dict[str, Any]:
    """An entry of a Realtime session."""
    head = {"method": "GET", "url": "wss://api.openai.com/v1/realtime?model=gpt-realtime",
            "headers": [{"name": "Upgrade", "value": "websocket"}]}  # fmt: skip
    return {"startedDateTime": "2026-11-20T12:00:00.000Z", "request": head,
            "response": {"status": 101, "headers": [], "content": {}}, **changes}  # fmt: skip


@pytest.mark.parametrize("at", [1_795_176_000.5, 1_795_176_000_500], ids=["seconds", "millis"])
def test_a_session_is_billed_for_what_was_said(tmp_path: Path, at: float) -> None:
    """Whatever the writer takes for the time of a message."""
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10,
             "input_token_details": {"text_tokens": 20, "audio_tokens": 0, "cached_tokens": 0},
             "output_token_details": {"text_tokens": 10, "audio_tokens": 0}}  # fmt: skip
    done = {"type": "response.done",
            "response": {"id": "resp_1", "status": "completed", "usage": usage}}  # fmt: skip
    messages = [
        {"type": "send", "time": at, "opcode": 1, "data": json.dumps({"type": "response.create"})},
        {"type": "receive", "time": at, "opcode": 2,
         "data": base64.b64encode(json.dumps(done).encode()).decode()},
    ]  # fmt: skip
    spoken = session(_webSocketMessages=messages)
    (row,) = audited(written(tmp_path / "a.har", {"log": {"entries": [spoken]}}))
    assert row["endpoint"] == "session"
    assert row["usage"]["input_tokens"] == 20
    assert row["cost_usd"] not in (None, "0")


def test_a_session_of_which_nothing_was_kept_is_not_free(tmp_path: Path) -> None:
    """Firefox writes the upgrade and no message."""
    (row,) = audited(written(tmp_path / "a.har", {"log": {"entries": [session()]}}))
    assert row["cost_usd"] is None
    assert row["note"] == "what its WebSocket said was not recorded"


# --- cassettes and logs -----------------------------------------------------------------------


def cassette(**body: Any) -> dict[str, Any]:
    """A cassette of vcrpy."""
    return {"version": 1, "interactions": [{
        "request": {"method": "POST", "uri": URL, "body": json.dumps(ASK),
                    "headers": {"content-type": ["application/json"]}},
        "response": {"status": {"code": 200, "message": "OK"}, "body": body,
                     "headers": {"Content-Type": ["application/json"],
                                 "Date": ["Fri, 20 Nov 2026 12:00:00 GMT"]}},
    }]}  # fmt: skip


def test_cassettes_are_read_as_yaml_and_as_json(tmp_path: Path) -> None:
    """Their bodies are text, base64 or packed bytes; the time is the answer's own."""
    import yaml  # noqa: PLC0415

    answer = json.dumps(ANSWER)
    made = [
        json.dumps(cassette(string=answer)),
        json.dumps(cassette(base64_string=base64.b64encode(answer.encode()).decode())),
        yaml.safe_dump(cassette(string=answer)),
        yaml.safe_dump(cassette(string=answer.encode())),
    ]
    packed = cassette(string=gzip.compress(answer.encode()))
    packed["interactions"][0]["response"]["headers"]["Content-Encoding"] = ["gzip"]
    made.append(yaml.safe_dump(packed))
    # vcrpy 9 keeps a body as it was read, beside the header of what came.
    packed["interactions"][0]["response"]["body"] = {"string": answer}
    made += [yaml.safe_dump(packed), json.dumps(packed)]
    for number, text in enumerate(made):
        (row,) = audited(written(tmp_path / f"{number}.yaml", text))
        assert row["cost_usd"] == COST, text
        assert row["time"] == "2026-11-20T12:00:00+00:00"


def test_a_cassette_of_ruby_is_read(tmp_path: Path) -> None:
    """`http_interactions`, each with its time."""
    each = cassette()["interactions"][0]
    each["request"]["body"] = {"encoding": "UTF-8", "string": json.dumps(ASK)}
    each["response"]["body"] = {"encoding": "UTF-8", "string": json.dumps(ANSWER)}
    each["recorded_at"] = "2026-11-20T12:00:00Z"
    import yaml  # noqa: PLC0415

    text = "---\n" + yaml.safe_dump({"http_interactions": [each], "recorded_with": "VCR 6.2.0"})
    assert audited(written(tmp_path / "a.yml", text))[0]["cost_usd"] == COST


def test_a_cassette_of_go_is_read(tmp_path: Path) -> None:
    """go-vcr has the address as `url`, and the status as a code beside its words."""
    answer = {"proto": "HTTP/2.0", "status": "200 OK", "code": 200, "body": json.dumps(ANSWER),
              "headers": {"Content-Type": ["application/json"],
                          "Date": ["Fri, 20 Nov 2026 12:00:00 GMT"]}}  # fmt: skip
    asked = {"proto": "HTTP/1.1", "host": "api.openai.com", "url": URL, "method": "POST",
             "body": json.dumps(ASK), "headers": {}}  # fmt: skip
    import yaml  # noqa: PLC0415

    text = "---\n" + yaml.safe_dump(
        {"version": 2, "interactions": [{"id": 0, "request": asked, "response": answer}]}
    )
    assert audited(written(tmp_path / "a.yaml", text))[0]["cost_usd"] == COST


@pytest.mark.parametrize("form", ["object", "unpacked object", "stream of hexadecimal"])
def test_fixtures_of_nock_are_read(tmp_path: Path, form: str) -> None:
    """Headers in one list, and what came packed in hexadecimal."""
    headers = ["Content-Type", "application/json", "Date", "Fri, 20 Nov 2026 12:00:00 GMT"]
    answer: Any = ANSWER
    if form != "object":
        headers += ["Content-Encoding", "gzip"]
    if form == "stream of hexadecimal":
        packed = gzip.compress(json.dumps(ANSWER).encode()).hex()
        answer = [packed[:20], packed[20:]]
    kept = {"scope": "https://api.openai.com:443", "method": "POST", "body": ASK, "status": 200,
            "path": "/v1/chat/completions", "response": answer, "rawHeaders": headers}  # fmt: skip
    (row,) = audited(written(tmp_path / "a.json", [kept]))
    assert row["cost_usd"] == COST
    assert row["time"] == "2026-11-20T12:00:00+00:00"


def test_a_stub_of_wiremock_is_read(tmp_path: Path) -> None:
    """Its address is a path, which tells whose it is."""
    stub = {"id": "s", "request": {"urlPath": "/v1/chat/completions", "method": "POST"},
            "response": {"status": 200, "jsonBody": ANSWER,
                         "headers": {"Content-Type": "application/json"}}}  # fmt: skip
    assert audited(written(tmp_path / "a.json", stub))[0]["usage"]["input_tokens"] == 1000


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    """A .har.gz is a HAR; a part of one is told."""
    packed = gzip.compress(json.dumps({"log": {"entries": [entry()]}}).encode())
    assert audited(written(tmp_path / "a.har.gz", packed))[0]["cost_usd"] == COST
    done = run(written(tmp_path / "part.gz", packed[:-20]))
    assert done.exit_code == 2
    assert "this is no whole gzip file" in done.output


def test_logs_of_claude_trace_and_the_like_are_read(tmp_path: Path) -> None:
    """An answer as a body, as it came, or event by event; with a host or only a path."""
    begun = {**CLAUDE, "usage": {"input_tokens": 100, "output_tokens": 1}}
    start = {"type": "message_start", "message": begun}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
           "usage": {"output_tokens": 10}}  # fmt: skip
    stop = {"type": "message_stop"}
    raw = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in (start, end, stop))
    asked = {"timestamp": 1_795_176_000, "method": "POST", "headers": {},
             "url": "https://api.anthropic.com/v1/messages?beta=true",
             "body": {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": []}}  # fmt: skip
    path_only = {**{k: v for k, v in asked.items() if k != "url"}, "path": "/v1/messages"}
    answers = [
        {"status_code": 200, "headers": {"content-type": "application/json"}, "body": CLAUDE},
        {"status_code": 200, "headers": {"content-type": "text/event-stream"}, "body_raw": raw},
        {
            "status": 200,
            "sse_events": [{"event": e["type"], "data": e} for e in (start, end, stop)],
        },
    ]
    lines = [{"request": asked, "response": each} for each in answers]
    lines += [{"request": path_only, "response": each} for each in answers]
    text = "\n".join(json.dumps(line) for line in lines)
    found = list(read(written(tmp_path / "log.jsonl", text)))
    assert {each.request.host for each in found} == {"api.anthropic.com"}
    assert {each.at for each in found} == {datetime(2026, 11, 20, 12, tzinfo=UTC)}
    rows = audited(tmp_path / "log.jsonl")
    # The same message told again is the same call told again: 100 in and 10 out each time.
    assert all(row["usage"]["output_tokens"] == 10 for row in rows if row["usage"])
    assert rows[1]["usage"]["input_tokens"] == 100


def test_exports_of_helicone_are_metered_from_what_was_answered(tmp_path: Path) -> None:
    """Not from what Helicone counted."""
    row = {"request_id": "r", "request_created_at": "2026-11-20T12:00:00Z", "provider": "OPENAI",
           "request_path": "/v1/chat/completions", "request_body": ASK, "response_body": ANSWER,
           "response_status": 200, "prompt_tokens": 1, "completion_tokens": 1}  # fmt: skip
    assert audited(written(tmp_path / "a.jsonl", json.dumps(row)))[0]["cost_usd"] == COST
    assert audited(written(tmp_path / "b.json", [row]))[0]["cost_usd"] == COST


def test_bodies_that_are_objects_are_read(tmp_path: Path) -> None:
    """An exchange of ours with its JSON as JSON."""
    headers = {"content-type": "application/json"}
    line = {"method": "POST", "url": URL, "request_body": ASK, "status": 200,
            "response_headers": headers, "response_body": ANSWER}  # fmt: skip
    assert audited(written(tmp_path / "a.jsonl", json.dumps(line)))[0]["cost_usd"] == COST


# --- what is none -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"hello": 1}', "line 1 is no exchange with url, request and response: it has no method"),
        ('{"request": {"path": "/x"}, "response": {}}', "a path without a host"),
        ('{"model": "m", "messages": [{"role": "user"}]}', "llmcap estimate --url URL"),
        ('{\n"model": "m",\n"input": "hi"}', "line 1 is the body of a request"),
        ("interactions:\n- request: {}\n", "interaction 1 of this cassette has no method"),
        ("interactions: [\n", "this is no YAML"),
        ('{"log": {"entries": [{"response": {}}]}}', "entry 1 has no request"),
        ('{"log": {"entries": [', "only a part of one"),
        ("PK\x03\x04broken", "this .zip holds no HAR"),
        ("[1, 2]", "line 1 is no exchange"),
        ("<html>", "no recording that LLMCap can read"),
    ],
)
def test_what_is_no_recording_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    """With the file, and without a traceback."""
    path = written(tmp_path / "file", content)
    done = run(path)
    assert done.exit_code == 2
    assert said in done.output
    assert str(path) in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    with pytest.raises(FormatError):
        list[Recording](read(path))
