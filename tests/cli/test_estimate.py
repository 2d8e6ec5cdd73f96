"""`llmcap estimate` and `llmcap audit --holds`, as somebody types them who tests a bound."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.cli import main

URL = "https://api.anthropic.com/v1/messages"
BODY = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 32_000,
    "messages": [{"role": "user", "content": "hello"}],
}
THEN = "2026-06-01T12:00:00+00:00"


@pytest.fixture
def body(tmp_path: Path) -> Path:
    """The body of a request."""
    path = tmp_path / "body.json"
    path.write_text(json.dumps(BODY))
    return path


def run(*arguments: object, stdin: str = "", exit_code: int = 0) -> str:
    """What the command prints."""
    result = CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_it_says_what_is_held_of_what_and_by_whom(body: Path) -> None:
    """In text: the parts, the sum, the verdict."""
    said = run("estimate", "--url", URL, body)
    assert "the limit of the request" in said
    assert "32,000" in said
    assert "admitted: $0.48" in said


def test_it_says_the_same_as_json_from_stdin(body: Path) -> None:
    """For programs; the body may come through a pipe."""
    told = json.loads(run("estimate", "--url", URL, "--json", body))
    piped = json.loads(run("estimate", "--url", URL, "--json", "-", stdin=body.read_text()))
    assert told == piped
    assert told["verdict"] == "admitted"
    assert told["held_usd"].startswith("0.48")


def test_a_cap_clamps_and_refuses(body: Path) -> None:
    """As a budget would."""
    clamped = json.loads(run("estimate", "--url", URL, "--cap", "0.10", "--json", body))
    assert (clamped["verdict"], clamped["reason"]) == ("clamped", "output_limit")
    small = ("estimate", "--url", URL, "--cap", "0.0001", body)
    refused = json.loads(run(*small, "--json", exit_code=1))
    assert (refused["verdict"], refused["reason"]) == ("refused", "cap_reached")
    assert "refused (cap_reached)" in run(*small, exit_code=1)


def test_headers_count(body: Path) -> None:
    """A vendor may sell other terms to who sends one."""
    vertex = (
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/"
        "publishers/google/models/gemini-2.5-flash:generateContent"
    )
    header = "X-Vertex-AI-LLM-Shared-Request-Type: priority"
    body.write_text(json.dumps({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}))
    plain = json.loads(run("estimate", "--url", vertex, "--json", body))
    dear = json.loads(run("estimate", "--url", vertex, "--header", header, "--json", body))
    assert float(dear["held_usd"]) > float(plain["held_usd"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "api.openai.com"], "no URL with a host"),
        (["--url", "https://[x"], "is no URL"),
        (["--url", URL, "--header", "x"], "is no header"),
        (["--url", URL, "--cap", "x"], "is not a cap"),
    ],
)
def test_a_mistake_is_one_message(body: Path, arguments: list[str], said: str) -> None:
    """With what was expected."""
    result = CliRunner().invoke(main, ["estimate", *arguments, str(body)])
    assert result.exit_code == 2
    assert said in result.output


# --- audit ----------------------------------------------------------------------------------


def exchange(**fields: object) -> str:
    """One recorded exchange as a line."""
    answer = {
        "id": "msg_1", "type": "message", "model": "claude-sonnet-4-5", "content": [],
        "stop_reason": "end_turn", "usage": {"input_tokens": 8, "output_tokens": 20},
    }  # fmt: skip
    line = {
        "id": "a", "method": "POST", "url": URL, "request_headers": {}, "recorded_at": THEN,
        "request_body": json.dumps(BODY), "status": 200,
        "response_headers": {"content-type": "application/json"},
        "response_body": json.dumps(answer),
    }  # fmt: skip
    return json.dumps(line | fields) + "\n"


def test_audit_adds_holds_only_when_asked(tmp_path: Path) -> None:
    """The columns and keys of before stay as they are without the flag."""
    file = tmp_path / "traffic.jsonl"
    file.write_text(exchange() + exchange(id="b", url="https://api.anthropic.com/v1/nothing"))
    plain = json.loads(run("audit", "--json", file).splitlines()[0])
    held, refused = map(json.loads, run("audit", "--holds", "--json", file).splitlines())
    added = {"held_usd", "held", "verdict", "reason", "message", "output_limit", "settled_usd",
             "told"}  # fmt: skip
    assert set(held) - set(plain) == added
    assert {key: held[key] for key in plain} == plain
    assert held["settled_usd"] == held["cost_usd"]
    assert (refused["verdict"], refused["reason"]) == ("refused", "unknown_endpoint")
    said = run("audit", "--holds", file)
    assert "HELD" in said
    assert "output 32,000 by the limit of the request" in said


def test_audit_replays_under_a_cap(tmp_path: Path) -> None:
    """Each exchange spends, and the last ones are clamped or refused."""
    file = tmp_path / "traffic.jsonl"
    file.write_text("".join(exchange(id=str(number)) for number in range(40)))
    lines = run("audit", "--holds", "--cap", "0.005", "--json", file).splitlines()
    verdicts = [json.loads(line)["verdict"] for line in lines]
    assert verdicts[0] == "clamped"
    assert verdicts[-1] == "refused"


def test_a_cap_without_holds_is_a_mistake(tmp_path: Path) -> None:
    """Nothing would ask it."""
    file = tmp_path / "traffic.jsonl"
    file.write_text(exchange())
    result = CliRunner().invoke(main, ["audit", "--cap", "1", str(file)])
    assert result.exit_code == 2
    assert "--holds" in result.output


def test_a_request_that_lost_bytes_says_so_where_it_cost_more(tmp_path: Path) -> None:
    """Recorders shorten prompts; the hold is then of less than what was sent."""
    file = tmp_path / "traffic.jsonl"
    usage = {"input_tokens": 500_000, "output_tokens": 20}
    answer = {"id": "m", "type": "message", "model": "claude-sonnet-4-5", "usage": usage}
    file.write_text(
        exchange(
            request_headers={"Content-Length": "400000"},
            request_body=json.dumps({**BODY, "max_tokens": 10}),
            response_body=json.dumps(answer),
        )
    )
    row = json.loads(run("audit", "--holds", "--json", file))
    assert any("bytes of its request were not recorded" in text for text in row["told"])
