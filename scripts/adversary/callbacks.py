"""
An addon for mitmdump that measures its event loop: how much CPU time each callback takes.

Loaded with `-s` before LLMCap's. CALLBACKS names a file that gets a JSON line for each callback of
at least SLOW_MS milliseconds of CPU time of its thread: when it ended by the monotonic clock, which
all processes share, its CPU time, and what it was. A busy machine makes no callback longer.
"""

import asyncio
import gc
import json
import os
import time
from pathlib import Path

SLOW_MS = 2.0

_run = asyncio.events.Handle._run  # noqa: SLF001 - there is no other place where all pass
_file = Path(os.environ["CALLBACKS"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115
_collecting = [0.0, 0.0]  # when the collection of garbage began, and what all have taken by now


def _collection(phase: str, _info: dict[str, int]) -> None:
    """A part of whichever callback made the last object of many."""
    now = time.thread_time()
    if phase == "start":
        _collecting[0] = now
    else:
        _collecting[1] += now - _collecting[0]


def _timed(self: asyncio.events.Handle) -> None:
    collected, started = _collecting[1], time.thread_time()
    _run(self)
    milliseconds = (time.thread_time() - started) * 1000
    if milliseconds >= SLOW_MS:
        garbage = (_collecting[1] - collected) * 1000
        what = f"{garbage:.1f} ms of it to collect garbage: {repr(self)[:400]}"
        _file.write(json.dumps({"at": time.monotonic(), "ms": milliseconds, "what": what}) + "\n")


gc.callbacks.append(_collection)
asyncio.events.Handle._run = _timed  # type: ignore[method-assign]  # noqa: SLF001
