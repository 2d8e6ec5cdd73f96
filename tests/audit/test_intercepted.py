"""Logs of llm-interceptor and claude-tap, in the shapes that their packages write."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.audit.recordings import read
from llmcap.cli import main

ASKED = {"model": "claude-haiku-4-5", "max_tokens": 50,
         "messages": [{"role": "user", "content": "hi"}]}  # fmt: skip
USAGE = {"input_tokens": 900, "output_tokens": 90}
TOLD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
        "content": [], "stop_reason": "end_turn", "usage": USAGE}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**TOLD, "id": "msg_2", "usage": {"input_tokens": 900}}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 90}},
    {"type": "message_stop"},
]
AT = "2026-06-01T12:00:00+00:00"
COST = "0.00135"


def audited(path: Path) -> list[dict[str, Any]]:
    """The rows of a recording."""
    done = CliRunner().invoke(main, ["audit", "--json", str(path)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def request(name: str, *, url: str = "https://api.anthropic.com/v1/messages") -> dict[str, Any]:
    """A line of llm-interceptor's."""
    return {"type": "request", "id": name, "timestamp": AT, "method": "POST", "url": url,
            "headers": {"content-type": "application/json"}, "body": ASKED}  # fmt: skip


def chunks(name: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of a stream there."""
    return [
        {"type": "response_chunk", "request_id": name, "status_code": 200, "chunk_index": number,
         "content": event}
        for number, event in enumerate(events)
    ]  # fmt: skip


def test_lines_of_one_exchange_are_put_together(tmp_path: Path) -> None:
    """Whatever stands between them; a stream without its end told at least what it told."""
    end = {"type": "response_meta", "request_id": "b", "status_code": 200, "total_chunks": 3}
    whole = {"type": "response", "request_id": "a", "status_code": 200,
             "headers": {"content-encoding": "gzip"}, "body": TOLD}  # fmt: skip
    first, *rest = chunks("b", EVENTS)
    cut = chunks("c", EVENTS[:1])
    lines = [{"_meta_type": "session_start"}, request("a"), request("b"), first, whole, *rest, end,
             request("c"), *cut, request("d"), {"_meta_type": "session_end"}]  # fmt: skip
    log = tmp_path / "all_captured.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = {row["id"]: row for row in audited(log)}
    assert list(rows) == ["a", "b", "c", "d"]
    assert (rows["a"]["cost_usd"], rows["b"]["cost_usd"]) == (COST, COST)
    assert "at least this" in rows["c"]["note"]
    assert (rows["d"]["cost_usd"], rows["d"]["note"]) == (None, "no response was recorded")
    log.write_text("".join(json.dumps(line) + "\n" for line in lines[1:]))
    assert {row["id"]: row for row in audited(log)} == rows


def test_a_part_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    """With the number of the exchange."""
    log = tmp_path / "log.jsonl"
    lines = [request("a"), {"type": "response", "request_id": "a", "body": TOLD}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = CliRunner().invoke(main, ["audit", str(log)])
    assert done.exit_code == 2
    assert "exchange 1 of this log has no status_code" in done.output


def tapped(path: str, base: str | None) -> dict[str, Any]:
    """A record of claude-tap's."""
    record = {
        "timestamp": AT, "request_id": f"req{path}{base}",
        "request": {"method": "POST", "path": path, "headers": {}, "body": ASKED},
        "response": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": TOLD},
    }  # fmt: skip
    return record if base is None else {**record, "upstream_base_url": base}


@pytest.mark.parametrize(
    ("path", "base", "provider"),
    [
        ("/v1/messages", None, "anthropic"),
        ("/v1/messages?beta=true", "https://api.anthropic.com/", "anthropic"),
        ("/v1/messages", "https://api.anthropic.com/v1", "anthropic"),
        ("/v1/messages", "https://openrouter.ai/api", "openrouter"),
        ("/v1/messages", "http://127.0.0.1:9", "local"),
    ],
)
def test_the_base_says_whose_a_path_is(
    tmp_path: Path, path: str, base: str | None, provider: str
) -> None:
    """A gateway's call had Anthropic's price, as it has its path."""
    trace = tmp_path / "trace.jsonl"
    trace.write_text(json.dumps(tapped(path, base)) + "\n")
    (row,) = audited(trace)
    assert row["provider"] == provider
    if provider == "anthropic":
        assert row["cost_usd"] == COST


@pytest.mark.parametrize(
    ("path", "base", "whole"),
    [
        ("/v1/responses", "https://api.openai.com", "api.openai.com/v1/responses"),
        ("/v1/responses", "https://api.openai.com/v1", "api.openai.com/v1/responses"),
        ("/v1/responses", "https://chatgpt.com/backend-api/codex",
         "chatgpt.com/backend-api/codex/responses"),
        ("/v1/responses", "https://openrouter.ai/api/v1/", "openrouter.ai/api/v1/responses"),
        ("/v1/chat/completions", "https://api.kimi.com/coding/v1",
         "api.kimi.com/coding/v1/chat/completions"),
        ("/chat/completions", "https://api.moonshot.ai/v1", "api.moonshot.ai/v1/chat/completions"),
        ("/v1/messages", "http://localhost:9/", "localhost/v1/messages"),
    ],
)  # fmt: skip
def test_a_path_goes_where_claude_tap_has_sent_it(
    tmp_path: Path, path: str, base: str, whole: str
) -> None:
    """Its record has the path as it came; what is sent on is without what the base has already."""
    trace = tmp_path / "trace.jsonl"
    trace.write_text(json.dumps(tapped(path, base)) + "\n")
    (found,) = read(trace)
    assert f"{found.request.host}{found.request.path}" == whole


def test_a_bundle_is_read_with_what_stands_once(tmp_path: Path) -> None:
    """Both records, one of them in parts; a part that is missing is told."""
    said = {"role": "user", "content": "hi"}
    reference = {"__claude_tap_blob_ref__": {"version": 1, "kind": "json", "hash": "sha256:1"}}
    plain, packed = (
        tapped("/v1/messages", None),
        tapped("/v1/messages", "https://api.anthropic.com"),
    )
    packed["response"]["body"] = {**TOLD, "id": "msg_2"}
    packed["request"]["body"] = {**ASKED, "messages": [reference], "tools": reference}
    bundle = {
        "__claude_tap_compact_trace__": {"version": 1, "encoding": "json-blob-ref"},
        "records": [plain, {"__claude_tap_compact_record__": {"version": 1}, "record": packed}],
        "blobs": {"sha256:1": {"kind": "json", "payload": said}},
    }
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(bundle))
    assert [row["cost_usd"] for row in audited(file)] == [COST, COST]
    file.write_text(json.dumps({**bundle, "blobs": {}}))
    done = CliRunner().invoke(main, ["audit", str(file)])
    assert done.exit_code == 2
    assert "sha256:1" in done.output


def test_a_summary_of_claude_tap_is_named(tmp_path: Path) -> None:
    """It does not say what went where; the other export does."""
    file = tmp_path / "summary.json"
    turn = {"turn": 1, "timestamp": AT, "duration_ms": 8, "model": "claude-haiku-4-5",
            "messages": ASKED["messages"], "response": {"usage": USAGE}}  # fmt: skip
    file.write_text(json.dumps([turn]))
    done = CliRunner().invoke(main, ["audit", str(file)])
    assert done.exit_code == 2
    assert "claude-tap export --format compact" in done.output
