"""
What a call costs in Python, counted in instructions of its interpreter: where they go, by file.

    python scripts/bench_call.py [--calls 20] [--events 2000]

A call of 40 tokens for 60 goes through mitmproxy's own HTTP layer and past all addons of a
mitmdump, without a socket and without TLS, in three proxies: mitmproxy alone, with a callable that
does nothing, and with LLMCap under a cap. The counts repeat, whatever else the machine does; what C
does within an instruction, SQLite and JSON, is not in them. Of a stream they are for one event,
each read by itself; these vary a little, as a stream is looked at now and then, by the clock.
"""

import argparse
import platform
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "addons"))

from bench_proxy import ANSWER, USAGE, Load, body_of, delta, sse_event
from wire import HOST, Wire, wire

VARIANTS = ("bare", "null", "llmcap")
FILES_SHOWN = 24
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = sse_event(delta("word "))
END = sse_event(delta("", choices=[], usage=USAGE)) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

Counts = Counter[CodeType]


def call(wire: Wire, *, events: int = 0) -> None:
    """One call and its whole answer: JSON, or a stream of so many events."""
    body = body_of(Load("counted", 1, 1, stream=bool(events)))
    head = (
        f"POST http://{HOST}/v1/chat/completions HTTP/1.1\r\nhost: {HOST}\r\n"
        "content-type: application/json\r\nauthorization: Bearer sk-bench\r\n"
        f"user-agent: bench/1\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    wire.ask(head.encode() + body)
    if events:
        wire.answer(HEAD, *[EVENT] * events, END)
    else:
        kind = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
        wire.answer(b"HTTP/1.1 200 OK\r\n" + kind + ANSWER)
    wire.client_got.clear()
    wire.provider_got.clear()


def counted(step: Callable[[], None]) -> tuple[Counts, Counts]:
    """How many instructions this thread runs in each function, and how often it is called."""
    instructions: Counts = Counter()
    calls: Counts = Counter()
    thread = threading.get_ident()

    def ran(code: CodeType, _: int) -> None:
        if threading.get_ident() == thread:
            instructions[code] += 1

    def began(code: CodeType, _: int) -> None:
        if threading.get_ident() == thread:
            calls[code] += 1

    with _watching(ran, began):
        step()
    return instructions, calls


@contextmanager
def _watching(
    ran: Callable[[CodeType, int], None], began: Callable[[CodeType, int], None]
) -> Iterator[None]:
    monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
    events = monitoring.events
    monitoring.use_tool_id(tool, "llmcap")
    monitoring.register_callback(tool, events.INSTRUCTION, ran)
    monitoring.register_callback(tool, events.PY_START, began)
    monitoring.set_events(tool, events.INSTRUCTION | events.PY_START)
    try:
        yield
    finally:
        monitoring.set_events(tool, events.NO_EVENTS)
        monitoring.register_callback(tool, events.INSTRUCTION, None)
        monitoring.register_callback(tool, events.PY_START, None)
        monitoring.free_tool_id(tool)


def price(variant: str, *, calls: int, events: int = 0) -> tuple[Counts, Counts]:
    """The counts of so many calls in a proxy of this kind, after a few that warm it up."""
    with tempfile.TemporaryDirectory() as folder, wire(variant, Path(folder)) as proxy:
        for _ in range(3):
            call(proxy, events=events)

        def all_calls() -> None:
            for _ in range(calls):
                call(proxy, events=events)

        return counted(all_calls)


def table(*, calls: int, events: int) -> str:
    """The sums of the three proxies, and of LLMCap's what it adds, by file."""
    each = calls * (events or 1)
    found = {name: price(name, calls=calls, events=events)[0] for name in VARIANTS}
    sums = {name: counts.total() / each for name, counts in found.items()}
    added: Counter[str] = Counter()
    for name, sign in (("llmcap", 1), ("null", -1)):
        for code, count in found[name].items():
            added[_file(code)] += sign * count
    what = "an event of a stream" if events else "a small JSON call"
    lines = [
        f"Python's instructions for {what}: "
        + ", ".join(f"{name} {count:,.0f}" for name, count in sums.items())
        + f"; LLMCap runs {sums['llmcap'] / sums['null']:.2f} of null's"
    ]
    lines += [f"{count / each:10,.1f}  {name}" for name, count in added.most_common(FILES_SHOWN)]
    return "\n".join(lines)


def _file(code: CodeType) -> str:
    """A file's name from its package on."""
    parts = Path(code.co_filename).parts
    known = [at for at, part in enumerate(parts) if part in ("llmcap", "mitmproxy", "h11")]
    return "/".join(parts[known[-1] :] if known else parts[-1:])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--calls", type=int, default=20, help="JSON calls that are counted")
    parser.add_argument("--events", type=int, default=2_000, help="events of the stream")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}")
    print(table(calls=options.calls, events=0))
    print(table(calls=1, events=options.events))


if __name__ == "__main__":
    main()
