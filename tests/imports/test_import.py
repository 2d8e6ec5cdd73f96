"""Usage that did not pass the proxy: each call once, however often it stands in the files."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcap.cli import main
from llmcap.ledger import history
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.records import Call, Ending, Settlement, Usage

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def written(path: Path, *documents: Any, tail: str = "") -> Path:
    """A JSON Lines file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in documents) + tail)
    return path


def said(key: str, output: int, minute: int = 0, **usage: Any) -> dict[str, Any]:
    """One line of a Claude Code transcript: a part of an answer."""
    return {
        "type": "assistant", "sessionId": "s", "requestId": f"req_{key}", "cwd": "/src",
        "timestamp": (AT + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z"),
        "message": {"id": key, "model": "claude-sonnet-4-6", "role": "assistant",
                    "usage": {"input_tokens": 10, "cache_read_input_tokens": 1000,
                              "cache_creation_input_tokens": 100, "output_tokens": output,
                              **usage}},
    }  # fmt: skip


def counted(total: tuple[int, int, int], last: tuple[int, int, int], minute: int) -> dict[str, Any]:
    """A `token_count` event of Codex: input, cached, output."""

    def usage(counts: tuple[int, int, int]) -> dict[str, int]:
        return {"input_tokens": counts[0], "cached_input_tokens": counts[1],
                "output_tokens": counts[2], "total_tokens": counts[0] + counts[2]}  # fmt: skip

    info = {"total_token_usage": usage(total), "last_token_usage": usage(last)}
    at = (AT + timedelta(minutes=minute)).isoformat()
    return {"type": "event_msg", "timestamp": at, "payload": {"type": "token_count", "info": info}}


def imported(tmp_path: Path, *words: object) -> dict[str, Any]:
    """What `llmcap import` did."""
    done = run(tmp_path, *words, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.output)
    return told


def run(tmp_path: Path, *words: object) -> Result:
    """`llmcap import` into a ledger of its own."""
    book = tmp_path / "ledger.sqlite3"
    return CliRunner().invoke(main, ["import", *map(str, words), "--ledger", str(book)])


def rows(tmp_path: Path) -> list[history.PastCall]:
    """The ledger's calls."""
    with history.reading(tmp_path / "ledger.sqlite3") as db:
        return history.calls(db, limit=1000)


def through_the_proxy(tmp_path: Path, provider: str, response: str | None, usage: Usage) -> None:
    """A call that passed, at the time of the tests."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    call = Call(f"call-{response}", AT, provider, "chat", "m")
    ledger.charge_once(call, (), Settlement(Ending.SETTLED, 5, usage, response_id=response or "r"))
    ledger.close()


# --- assistants -------------------------------------------------------------------------------


def test_an_answer_counts_once_at_its_last_word(tmp_path: Path) -> None:
    """It is written for each of its parts, and again in resumed, forked and subagents' files."""
    root = tmp_path / "projects"
    written(root / "p" / "a.jsonl", {"type": "summary"}, said("m1", 1), said("m1", 200),
            said("m2", 50, 1), tail='{"type": "assist')  # fmt: skip
    written(root / "p" / "b.jsonl", said("m1", 200), said("m2", 50, 1), said("m3", 7, 2))
    written(root / "p" / "a" / "subagents" / "agent-1.jsonl", said("m4", 9, 3), said("m3", 7, 2))
    told = imported(tmp_path, root)
    assert told["new"] == 4
    assert told["notes"] == {"calls that are told again": 3}
    usage = [dict(call.usage) for call in rows(tmp_path)]
    assert sorted(int(each["output_tokens"]) for each in usage) == [7, 9, 50, 200]
    assert {int(each["input_tokens"]) for each in usage} == {1110}
    # Sonnet 4.6: 3 in, 3.75 written, 0.30 read, 15 out.
    call = next(each for each in rows(tmp_path) if each.usage["output_tokens"] == 200)
    assert call.cost_nanos == 10 * 3000 + 100 * 3750 + 1000 * 300 + 200 * 15000
    assert call.attributes["imported"] == "claude-code"
    assert call.at == AT


def test_ten_imports_are_one(tmp_path: Path) -> None:
    """The rows are the same to the last field."""
    root = tmp_path / "projects"
    written(root / "a.jsonl", *[said(f"m{n}", n + 1, n) for n in range(5)])
    assert imported(tmp_path, root)["new"] == 5
    before = rows(tmp_path)
    for _ in range(9):
        assert imported(tmp_path, root)["new"] == 0
    assert rows(tmp_path) == before


def test_long_lived_writes_searches_and_terms_are_billed(tmp_path: Path) -> None:
    """As in an answer that passes."""
    fast = said("m1", 100, cache_creation={"ephemeral_1h_input_tokens": 100},
                server_tool_use={"web_search_requests": 3}, inference_geo="us")  # fmt: skip
    imported(tmp_path, written(tmp_path / "a.jsonl", fast))
    (call,) = rows(tmp_path)
    assert call.usage["cache_write_1h"] == 100
    tokens = 10 * 3000 + 100 * 6000 + 1000 * 300 + 100 * 15000
    assert call.cost_nanos == tokens * Decimal("1.1") + 3 * 10_000_000


def test_what_passed_the_proxy_is_never_imported(tmp_path: Path) -> None:
    """By the id of the response."""
    through_the_proxy(tmp_path, "anthropic", "m1", Usage(input_tokens=1110, output_tokens=5))
    file = written(tmp_path / "a.jsonl", said("m1", 5), said("m2", 5, 1))
    told = imported(tmp_path, file)
    assert (told["new"], told["passed"]) == (1, 1)


def test_codex_counts_what_came_to_the_total(tmp_path: Path) -> None:
    """Totals are repeated, and copied into forks with other times."""
    root = tmp_path / ".codex" / "sessions"
    meta = {"type": "session_meta", "payload": {"id": "one", "cwd": "/src"}}
    turn = {"type": "turn_context", "payload": {"model": "gpt-5-mini"}}
    first, second = (
        counted((100, 50, 10), (100, 50, 10), 0),
        counted((300, 150, 30), (200, 100, 20), 1),
    )
    written(root / "rollout-1.jsonl", meta, turn, first, first, second, second)
    fork = {"type": "session_meta", "payload": {"id": "two", "forked_from_id": "one"}}
    again = counted((100, 50, 10), (100, 50, 10), 60)
    third = counted((350, 150, 35), (50, 0, 5), 62)
    written(root / "rollout-2.jsonl", fork, meta, turn, again,
            counted((300, 150, 30), (200, 100, 20), 61), third)  # fmt: skip
    assert imported(tmp_path, root)["new"] == 3
    counts = sorted((int(c.usage["input_tokens"]), int(c.usage["output_tokens"]))
                    for c in rows(tmp_path))  # fmt: skip
    assert counts == [(50, 5), (100, 10), (200, 20)]


def test_newer_codex_tells_the_ids_of_its_responses(tmp_path: Path) -> None:
    """Then totals are not looked at, and one that passed is known by its id."""
    through_the_proxy(tmp_path, "openai", "resp_1", Usage(input_tokens=1, output_tokens=1))
    usage = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 10}
    record = {"type": "token_usage_record", "timestamp": AT.isoformat(),
              "payload": {"response_id": "resp_1", "usage": usage}}  # fmt: skip
    other = {**record, "payload": {"response_id": "resp_2", "usage": usage}}
    turn = {"type": "turn_context", "payload": {"model": "gpt-5-mini"}}
    file = written(tmp_path / "rollout-1.jsonl", turn, record, other,
                   counted((200, 80, 20), (100, 40, 10), 1))  # fmt: skip
    told = imported(tmp_path, file)
    assert (told["new"], told["passed"]) == (1, 1)


def test_a_codex_session_that_counts_anew_loses_nothing(tmp_path: Path) -> None:
    """Some versions begin their totals again when a session is resumed."""
    turn = {"type": "turn_context", "payload": {"model": "gpt-5-mini"}}
    file = written(tmp_path / "rollout-1.jsonl", turn, counted((500, 0, 50), (500, 0, 50), 0),
                   counted((80, 0, 8), (80, 0, 8), 5))  # fmt: skip
    assert imported(tmp_path, file)["new"] == 2


def test_gemini_sessions_are_read(tmp_path: Path) -> None:
    """Thoughts are beside the output, what is cached within the input; a proxied one by its use."""

    def message(name: str, minute: int, output: int) -> dict[str, Any]:
        at = (AT + timedelta(minutes=minute)).isoformat()
        tokens = {"input": 1000, "output": output, "cached": 400, "thoughts": 30, "tool": 0}
        return {"id": name, "type": "gemini", "timestamp": at, "model": "gemini-2.5-flash",
                "tokens": tokens}  # fmt: skip

    chats = tmp_path / ".gemini" / "tmp" / "hash" / "chats"
    chats.mkdir(parents=True)
    messages = [{"id": "0", "type": "user"}, message("1", 0, 20), message("2", 1, 50)]
    (chats / "session-1.json").write_text(json.dumps({"sessionId": "s", "messages": messages}))
    written(chats / "session-2.jsonl", {"sessionId": "t", "kind": "main"}, message("3", 5, 70))
    through_the_proxy(tmp_path, "google", "x", Usage(input_tokens=1000, output_tokens=80))
    told = imported(tmp_path, tmp_path / ".gemini")
    assert (told["new"], told["passed"]) == (2, 1)
    usage = rows(tmp_path)[0].usage
    assert usage["reasoning"] == 30
    assert usage["cache_read"] == 400


# --- gateways ---------------------------------------------------------------------------------


def litellm(key: str, **more: Any) -> dict[str, Any]:
    """A row of LiteLLM's spend logs."""
    kept = {"usage_object": {"prompt_tokens_details": {"cached_tokens": 40}}}
    return {"request_id": key, "startTime": AT.isoformat(), "model": "gpt-5-mini", "spend": 1,
            "custom_llm_provider": "openai", "prompt_tokens": 100, "completion_tokens": 10,
            "cache_hit": "False", "metadata": json.dumps(kept), **more}  # fmt: skip


def langfuse(key: str, **more: Any) -> dict[str, Any]:
    """An observation of Langfuse."""
    return {"id": key, "traceId": "t", "type": "GENERATION", "startTime": AT.isoformat(),
            "model": "gpt-5-mini", "usageDetails": {"input": 60, "input_cached_tokens": 40,
                                                    "output": 10, "total": 110},
            **more}  # fmt: skip


def helicone(key: str, **more: Any) -> dict[str, Any]:
    """A request of Helicone."""
    return {"request_id": key, "request_created_at": AT.isoformat(), "provider": "OPENAI",
            "model": "gpt-5-mini", "prompt_tokens": 100, "completion_tokens": 10,
            "prompt_cache_read_tokens": 40,
            "response_body": json.dumps({"id": f"chatcmpl-{key}"}), **more}  # fmt: skip


@pytest.mark.parametrize("row", [litellm, langfuse, helicone])
@pytest.mark.parametrize("form", ["jsonl", "array", "csv"])
def test_exports_of_gateways_are_read_once(tmp_path: Path, row: Any, form: str) -> None:
    """Of the same call each of them says the same; a second import changes nothing."""
    found = [row("one"), row("two")]
    file = tmp_path / f"export.{form}"
    if form == "jsonl":
        written(file, *found)
    elif form == "array":
        file.write_text(json.dumps(found))
    else:
        file.write_text(as_csv(found))
    assert imported(tmp_path, file)["new"] == 2
    assert imported(tmp_path, file)["known"] == 2
    assert {call.cost_nanos for call in rows(tmp_path)} == {60 * 250 + 40 * 25 + 10 * 2000}
    assert {call.provider for call in rows(tmp_path)} == {"openai"}


def as_csv(found: Iterable[dict[str, Any]]) -> str:
    """Rows as CSV; what is nested is JSON."""
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    made = io.StringIO()
    rows_ = [{k: json.dumps(v) if isinstance(v, dict) else v for k, v in r.items()} for r in found]
    writer = csv.DictWriter(made, list(rows_[0]))
    writer.writeheader()
    writer.writerows(rows_)
    return made.getvalue()


def test_what_a_gateway_sent_through_the_proxy_is_not_imported(tmp_path: Path) -> None:
    """By the id of its response, or by what it used where the id is the gateway's own."""
    used = Usage(input_tokens=100, output_tokens=10, cache_read=40)
    through_the_proxy(tmp_path, "openai", "chatcmpl-one", used)
    file = written(tmp_path / "a.jsonl", helicone("one"))
    assert imported(tmp_path, file)["passed"] == 1
    file = written(tmp_path / "b.jsonl", langfuse("other"))
    assert imported(tmp_path, file)["passed"] == 1


def test_a_cached_answer_of_a_gateway_costs_nothing(tmp_path: Path) -> None:
    """LiteLLM gave it from its own cache."""
    told = imported(tmp_path, written(tmp_path / "a.jsonl", litellm("x", cache_hit="True")))
    assert told["new"] == 0
    assert told["notes"] == {"rows without tokens or time": 1}


# --- the rest ---------------------------------------------------------------------------------


def test_budgets_count_it_where_they_are_named(tmp_path: Path) -> None:
    """In the window of the call's time."""
    config = tmp_path / "llmcap.yaml"
    config.write_text("budgets:\n- {name: all, cap: 5, every: once}\n- {name: b, cap: 5}\n")
    file = written(tmp_path / "a.jsonl", said("m1", 5), said("m2", 5))
    told = run(tmp_path, file, "--config", config, "--count-in", "all")
    assert told.exit_code == 0, told.output
    assert rows(tmp_path)[0].budgets == ("all",)
    assert "no budget nope" in run(tmp_path, file, "--config", config, "--count-in", "nope").output


def test_a_model_without_a_price_is_left_out_and_told(tmp_path: Path) -> None:
    """It is never free."""
    line = said("m1", 5)
    line["message"]["model"] = "claude-99"
    told = imported(tmp_path, written(tmp_path / "a.jsonl", line))
    assert told["new"] == 0
    assert told["unpriced"] == {"anthropic/claude-99": 1}


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says what would be new."""
    file = written(tmp_path / "a.jsonl", said("m1", 5))
    assert "1 call would be new" in run(tmp_path, file, "--dry-run").output
    assert rows(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "it is empty"), ("a,b\n1,2\n", "no transcript or export"),
     ('{"x": 1}\n', "no transcript or export"), ("{", "no JSON")],
)  # fmt: skip
def test_what_is_nothing_of_the_kind_is_one_sentence(
    tmp_path: Path, content: str, words: str
) -> None:
    """A wrong file, or one of another tool."""
    file = tmp_path / "file.txt"
    file.write_text(content)
    done = run(tmp_path, file)
    assert done.exit_code == 2
    assert words in done.output
    assert "no such file" in run(tmp_path, tmp_path / "nowhere").output
