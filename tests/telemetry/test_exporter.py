"""Calls as an OTLP receiver gets them, and a receiver that is not there."""

import importlib.util
import socket
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from books import NOON, call, settled
from telemetry.receiver import attributes, receiving

from llmcap.telemetry import exporter
from llmcap.telemetry.conventions import Done
from llmcap.telemetry.exporter import Telemetry
from llmcap.words.errors import ConfigError
from llmcap.words.rules import TelemetryRule

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def done(trace: str = "", seconds: float = 2) -> Done:
    """A call that was settled."""
    its = replace(call(at=NOON), trace=trace)
    return Done(its, NOON + timedelta(seconds=seconds), settled(1_250_000, tokens=50))


def test_a_receiver_gets_a_span_and_two_histograms(monkeypatch) -> None:
    """In the caller's trace, with the headers of the config, whatever proxy is set."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with receiving() as receiver:
        rule = TelemetryRule(receiver.url, (("authorization", "Bearer t"),), cost=True)
        telemetry = Telemetry(rule)
        telemetry.tell(done(PARENT))
        telemetry.tell(done("00-not-a-trace-01", seconds=0.03))
        telemetry.close()
        receiver.wait(lambda: len(receiver.spans) == 2 and len(receiver.points) == 2)
    first, second = receiver.spans
    assert first.trace_id.hex() == PARENT.split("-")[1]
    assert first.parent_span_id.hex() == PARENT.split("-")[2]
    assert not second.parent_span_id
    assert first.end_time_unix_nano - first.start_time_unix_nano == 2 * 10**9
    assert attributes(first)["gen_ai.usage.cost.amount"] == 0.00125
    (duration,) = receiver.points["gen_ai.client.operation.duration"]
    assert (duration.count, duration.sum) == (2, pytest.approx(2.03))
    assert duration.explicit_bounds[:3] == [0.01, 0.02, 0.04]
    kinds = {attributes(point)["gen_ai.token.type"] for point in
             receiver.points["gen_ai.client.token.usage"]}  # fmt: skip
    assert kinds == {"input"}, "no output was used"
    assert all(headers["authorization"] == "Bearer t" for headers in receiver.headers)


def test_a_call_that_its_caller_does_not_sample_has_no_span() -> None:
    """The flag of its `traceparent` is continued too."""
    with receiving() as receiver:
        telemetry = Telemetry(TelemetryRule(receiver.url))
        telemetry.tell(done(PARENT[:-1] + "0"))
        telemetry.close()
        receiver.wait(lambda: len(receiver.points) == 2)
    assert receiver.spans == []


def test_nobody_waits_for_a_receiver_that_is_not_there(monkeypatch, caplog) -> None:
    """What does not fit in the queue is dropped."""
    monkeypatch.setattr(exporter, "QUEUE_MAX", 5)
    monkeypatch.setattr(exporter, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(exporter, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        telemetry = Telemetry(TelemetryRule(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        for _ in range(1_000):
            telemetry.tell(done())
        telemetry.close()
    for thread in threading.enumerate():
        if thread.name.startswith(("llmcap-telemetry", "Otel")):
            thread.join(300)
            assert not thread.is_alive(), "a full queue keeps nothing from its end"
    warnings = [each.getMessage() for each in caplog.records]
    assert len(warnings) <= 1
    assert all(each.startswith("LLMCap: telemetry does not arrive: ") for each in warnings)


def test_a_call_that_cannot_be_told_keeps_no_other_back(monkeypatch, caplog) -> None:
    """Whatever was wrong with it."""
    with receiving() as receiver:
        telemetry = Telemetry(TelemetryRule(receiver.url))
        telemetry.tell(replace(done(), ended_at=None))
        telemetry.tell(done())
        telemetry.close()
        receiver.wait(lambda: len(receiver.spans) == 1)
    assert "a call could not be told to the telemetry" in caplog.text


def test_what_is_not_installed_is_told(monkeypatch) -> None:
    """With the command that helps."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"hint: pip install 'llmcap-mitmproxy\[otel\]'"):
        Telemetry(TelemetryRule("http://127.0.0.1:4318"))
