"""Conversations that are no plain exchange become recordings like any other."""

import base64
import json
from datetime import UTC, datetime

import pytest

from llmcap.audit.checking import Auditor
from llmcap.audit.recordings import Recording, read
from llmcap.pricing import PriceBook

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def recordings(folder, *lines: dict) -> list[Recording]:
    """A file of these lines, read."""
    path = folder / "conversations.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return list(read(path))


def said(**data) -> dict:
    """A frame of the client."""
    return {"kind": "message", "direction": "sent", "data": data}


def heard(**data) -> dict:
    """A frame of the provider."""
    return {"kind": "message", "direction": "received", "data": data}


@pytest.mark.parametrize(
    ("frame", "host", "path"),
    [
        (said(setup={"model": "models/m"}), "generativelanguage.googleapis.com", "BidiGenerate"),
        (heard(type="session.created", session={"model": "gpt-x"}), "api.openai.com", "/realtime"),
        (heard(type="session.created", session={"model": "grok-v"}), "api.x.ai", "/realtime"),
        (said(type="response.create", model="gpt-5"), "api.openai.com", "/v1/responses"),
    ],
    ids=["live", "realtime", "xai", "responses"],
)
def test_what_is_spoken_tells_whose_session_it_is(tmp_path, frame, host, path):
    """Where the line does not."""
    [recording] = recordings(tmp_path, {"source_path": "a.yaml", "messages": [frame]})
    assert (recording.id, recording.request.host) == ("a.yaml", host)
    assert path in recording.request.path
    assert recording.frames == ((frame["direction"] == "sent", json.dumps(frame["data"]).encode()),)


def test_a_line_may_say_it(tmp_path):
    """With its URL and its time."""
    line = {
        "id": "x", "url": "wss://res.openai.azure.com/openai/realtime?deployment=d",
        "recorded_at": "2026-03-01T00:00:00Z", "messages": [said(type="response.create")],
    }  # fmt: skip
    [recording] = recordings(tmp_path, line)
    assert (recording.request.host, recording.request.query) == (
        "res.openai.azure.com", {"deployment": "d"},
    )  # fmt: skip
    assert recording.at == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_session_tells_about_when_it_was(tmp_path):
    """By the time at which it would have expired."""
    session = {"model": "gpt-realtime", "expires_at": 1_784_858_052}
    line = {"messages": [heard(type="session.created", session=session)]}
    [recording] = recordings(tmp_path, line)
    assert recording.at == datetime.fromtimestamp(1_784_858_052, UTC)


def test_a_grpc_call_becomes_an_exchange(tmp_path):
    """With its messages framed as on the wire; several calls of a line are numbered."""
    sample = {"raw": base64.b64encode(b"\x12\x01m").decode(), "json": {"created": "2026-02-17"}}
    call = {"request_sample": sample, "response_sample": sample}
    one, two = recordings(tmp_path, {"source_path": "a", "messages": [call, call]})
    assert (one.id, two.id) == ("a#1", "a#2")
    assert one.request.path == "/xai_api.Chat/GetCompletion"
    assert one.request.body == one.body == b"\0\0\0\0\x03\x12\x01m"
    assert one.at == datetime(2026, 2, 17, tzinfo=UTC)


def test_a_session_of_several_responses_is_one_row(tmp_path):
    """Its usages are added up, each at the price of its own model."""
    frames = []
    for number in (1, 2):
        frames += [
            said(type="response.create", model="gpt-4o-mini", input="x"),
            heard(type="response.created", response={"id": f"r{number}", "model": "gpt-4o-mini"}),
            heard(
                type="response.completed",
                response={
                    "id": f"r{number}", "model": "gpt-4o-mini",
                    "usage": {"input_tokens": 100 * number, "output_tokens": number},
                },
            ),
        ]  # fmt: skip
    [recording] = recordings(tmp_path, {"messages": frames})
    row = Auditor(PriceBook(), now=NOW).exchange(recording)
    assert (row.provider, row.endpoint, row.responses) == ("openai", "session", 2)
    assert (row.usage.input_tokens, row.usage.output_tokens) == (300, 3)
    assert row.cost_nanos == 300 * 150 + 3 * 600


def test_a_session_without_a_usage_has_no_known_cost(tmp_path):
    """It was billed, by nobody knows how much."""
    frames = [
        said(type="response.create", model="gpt-4o-mini", input="x"),
        heard(type="response.created", response={"id": "r1", "model": "gpt-4o-mini"}),
    ]
    [recording] = recordings(tmp_path, {"messages": frames})
    row = Auditor(PriceBook(), now=NOW).exchange(recording)
    assert (row.billable, row.cost_nanos) == (True, None)
    assert row.note == "no usage in the session"


def test_another_hosts_session_costs_nothing(tmp_path):
    """It is no provider's."""
    line = {"url": "wss://example.org/socket", "messages": [said(type="response.create")]}
    [recording] = recordings(tmp_path, line)
    row = Auditor(PriceBook(), now=NOW).exchange(recording)
    assert (row.billable, row.cost_nanos) == (False, 0)
