"""
What `llmcap audit` takes: time and CPU by one process and by two, and memory, for kinds of files.

    python scripts/bench_audit.py [--megabytes 300] [--rounds 3] [--kinds har,lines,flows,cassette]
                                  [--before FOLDER]

The exchanges are made: calls and streams of three vendors with contexts of some length, each with
an id of its own, and what a browser loads beside them. Rounds are interleaved, and the medians are
shown. `--before` is a checkout of an older build, whose CPU per exchange is laid beside. A start
of the command is measured by a file of one exchange and taken off.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[1]
WORDS = 'the quick brown fox jumps over the lazy dog, and says: "why?"\n'


@dataclass(frozen=True)
class Exchange:
    """One call, as it went and came."""

    url: str
    asked: str
    answered: str
    kind: str = "application/json"
    method: str = "POST"


def exchanges() -> Iterator[Exchange]:
    """Without an end: six kinds in turn."""
    number = 0
    while True:
        number += 1
        text = WORDS * (20 + number % 90)
        yield _chat(number, text)
        yield _messages(number, text)
        yield _stream(number, text)
        yield _gemini(number, text)
        yield _responses(number, text)
        page = f"https://example.com/{number}"
        yield Exchange(page, "", f"<html>{text}</html>", "text/html", "GET")


def _chat(number: int, text: str) -> Exchange:
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    told = {"role": "assistant", "content": WORDS * 5}
    usage = {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": 990}
    answer = {"id": f"chatcmpl-{number}", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
              "choices": [{"index": 0, "message": told, "finish_reason": "stop"}],
              "usage": usage}  # fmt: skip
    url = "https://api.openai.com/v1/chat/completions"
    return Exchange(url, json.dumps(asked), json.dumps(answer))


def _responses(number: int, text: str) -> Exchange:
    asked = {"model": "gpt-4o", "input": text}
    usage = {"input_tokens": 900, "output_tokens": 90}
    answer = {"id": f"resp_{number}", "object": "response", "status": "completed", "usage": usage,
              "model": "gpt-4o-2024-08-06", "output": []}  # fmt: skip
    return Exchange("https://api.openai.com/v1/responses", json.dumps(asked), json.dumps(answer))


def _messages(number: int, text: str) -> Exchange:
    asked = {"model": "claude-haiku-4-5", "max_tokens": 500,
             "messages": [{"role": "user", "content": text}]}  # fmt: skip
    answer = {"id": f"msg_{number}", "type": "message", "role": "assistant",
              "model": "claude-haiku-4-5", "content": [{"type": "text", "text": WORDS}],
              "stop_reason": "end_turn",
              "usage": {"input_tokens": 900, "output_tokens": 90}}  # fmt: skip
    url = "https://api.anthropic.com/v1/messages"
    return Exchange(url, json.dumps(asked), json.dumps(answer))


def _stream(number: int, text: str) -> Exchange:
    begun = {"id": f"msg_s{number}", "type": "message", "role": "assistant", "content": [],
             "model": "claude-haiku-4-5",
             "usage": {"input_tokens": 900, "output_tokens": 1}}  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    delta = {"type": "text_delta", "text": "fox jumps"}
    events += [{"type": "content_block_delta", "index": 0, "delta": delta}] * 40
    events += [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
         "usage": {"output_tokens": 90}},
        {"type": "message_stop"},
    ]  # fmt: skip
    body = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)
    asked = {"model": "claude-haiku-4-5", "max_tokens": 500, "stream": True,
             "messages": [{"role": "user", "content": text}]}  # fmt: skip
    url = "https://api.anthropic.com/v1/messages"
    return Exchange(url, json.dumps(asked), body, "text/event-stream")


def _gemini(number: int, text: str) -> Exchange:
    asked = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    answer = {"candidates": [{"content": {"parts": [{"text": WORDS}]}, "finishReason": "STOP"}],
              "modelVersion": "gemini-2.5-flash", "responseId": f"g{number}",
              "usageMetadata": {"promptTokenCount": 900, "candidatesTokenCount": 90}}  # fmt: skip
    host = "https://generativelanguage.googleapis.com"
    url = f"{host}/v1beta/models/gemini-2.5-flash:generateContent"
    return Exchange(url, json.dumps(asked), json.dumps(answer))


# --- files ----------------------------------------------------------------------------------


def write(kind: str, path: Path, size: int) -> int:
    """A file of some bytes; how many exchanges it has."""
    with path.open("wb") as file:
        if kind == "har":
            file.write(b'{"log": {"version": "1.2", "entries": [')
        elif kind == "cassette":
            file.write(b"interactions:\n")
        for count, each in enumerate(exchanges(), start=1):
            _write_one(kind, file, each, count)
            if file.tell() >= size:
                break
        if kind == "har":
            file.write(b"]}}")
    return count


def _write_one(kind: str, file: BinaryIO, each: Exchange, count: int) -> None:
    at = "2026-06-01T12:00:00Z"
    if kind == "lines":
        line = {"method": each.method, "url": each.url, "request_headers": {"accept": "*/*"},
                "request_body": each.asked, "status": 200, "recorded_at": at,
                "response_headers": {"content-type": each.kind},
                "response_body": each.answered}  # fmt: skip
        file.write(json.dumps(line).encode() + b"\n")
    elif kind == "har":
        entry = {
            "startedDateTime": at, "time": 1,
            "request": {"method": each.method, "url": each.url, "headers": [],
                        "postData": {"mimeType": "application/json", "text": each.asked}},
            "response": {"status": 200, "headers": [{"name": "content-type", "value": each.kind}],
                         "content": {"size": 1, "mimeType": each.kind, "text": each.answered}},
        }  # fmt: skip
        file.write((b"," if count > 1 else b"") + json.dumps(entry).encode())
    elif kind == "cassette":
        interaction = {
            "request": {"method": each.method, "uri": each.url, "body": each.asked, "headers": {}},
            "response": {"status": {"code": 200}, "body": {"string": each.answered},
                         "headers": {"Content-Type": [each.kind]}},
            "recorded_at": at,
        }  # fmt: skip
        file.write(f"- {json.dumps(interaction)}\n".encode())
    else:
        _write_flow(file, each, count)


def _write_flow(file: BinaryIO, each: Exchange, count: int) -> None:
    from mitmproxy.io import FlowWriter  # noqa: PLC0415 - only for these
    from mitmproxy.test import tflow, tutils  # noqa: PLC0415

    host, _, path = each.url.removeprefix("https://").partition("/")
    request = tutils.treq(
        method=each.method.encode(), scheme=b"https", host=host, port=443, headers=(),
        path=f"/{path}".encode(), content=each.asked.encode(), timestamp_start=1_780_315_200,
    )  # fmt: skip
    answer = tutils.tresp(
        headers=((b"content-type", each.kind.encode()),), content=each.answered.encode()
    )
    flow = tflow.tflow(req=request, resp=answer)
    flow.id = str(count)
    FlowWriter(file).add(flow)


# --- measuring ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Took:
    """Seconds, and the most memory that the process or one of its own had, in MB."""

    wall: float
    cpu: float
    peak: float


def audit(path: Path, *options: str, tree: Path = ROOT) -> Took:
    """One run of the command."""
    command = [sys.executable, "-m", "llmcap.cli", "audit", "--json", *options, str(path)]
    environ = {**os.environ, "PYTHONPATH": str(tree / "addons")}
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        raise SystemExit(f"{' '.join(command)}: exit status {status}")
    took = time.monotonic() - began
    return Took(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(runs: list[Took], what: str) -> float:
    """The middle of several runs."""
    return float(statistics.median(getattr(run, what) for run in runs))


def main() -> None:
    """Everything that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--megabytes", type=float, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default="har,lines,flows")
    parser.add_argument("--before", type=Path, help="a checkout of an older build")
    options = parser.parse_args()
    print(f"# {platform.python_version()}, {os.cpu_count()} cores, {options.megabytes:g} MB")
    for kind in options.kinds.split(","):
        with tempfile.TemporaryDirectory() as folder:
            measure(kind, Path(folder), options)


def measure(kind: str, folder: Path, options: argparse.Namespace) -> None:
    """One kind of file."""
    path, small = folder / kind, folder / "small"
    count = write(kind, path, int(options.megabytes * 1e6))
    write(kind, small, 1)
    one, two, before = [], [], []
    for _ in range(options.rounds):
        one.append(audit(path, "--jobs", "1"))
        two.append(audit(path, "--jobs", "2"))
        if options.before:
            before.append(audit(path, tree=options.before))
    start = audit(small, "--jobs", "1").cpu
    cpu = (median(one, "cpu") - start) / count
    ratio = statistics.median(b.wall / a.wall for a, b in zip(one, two, strict=True))
    text = (
        f"{kind:9} {count:,} exchanges: {median(one, 'wall'):.1f} s by one, "
        f"{median(two, 'wall'):.1f} s by two ({ratio:.2f}); CPU {cpu * 1e6:,.0f} us each, by two "
        f"{(median(two, 'cpu') - start) / count * 1e6:,.0f}; {median(one, 'peak'):.0f} MB, "
        f"by two {median(two, 'peak'):.0f} MB each"
    )
    if before:
        older = audit(small, tree=options.before).cpu
        share = cpu / ((median(before, "cpu") - older) / count)
        text += f"; CPU {share:.2f} of before, {median(before, 'peak'):.0f} MB"
    print(text, flush=True)


if __name__ == "__main__":
    main()
