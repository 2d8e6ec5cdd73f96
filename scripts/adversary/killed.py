"""
Confined runs, of each of which a random part is killed at a random moment.

Promise: whichever it is, nothing of the run is left, no process, no mount and no path; and what was
held for its calls is accounted for by the next start.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread

from fake_provider.process import ProviderHandle

KILLS = 1000
AT_ONCE = 6
END_SECONDS_MAX = 60
PARTS = {"llmcap", "its child", "its grandchild", "one of its keepers"}

# From before the network is made, and from when the first answer is on its way.
KILLED_WITHIN_SECONDS = 1.5

STREAM = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": True,
     "max_tokens": 4000}
)  # fmt: skip
# Calls, and one who asks nobody for anything, and so would not notice the end. Without it they end:
# the last that was started, which is killed, is it between two calls.
CALLS = (
    "sleep 3600 & sleeper=$!; "
    "while kill -0 $sleeper; do curl -sS -N https://api.openai.com/v1/chat/completions "
    f"-H 'authorization: Bearer x' -d '{STREAM}' || {{ kill $sleeper; exit; }}; done"
)
RUN = (sys.executable, "-m", "llmcap", "run", "--confine", "--cap", "1000", "--")


def kill_many(
    home: Path, environ: Mapping[str, str], provider: ProviderHandle, *, kills: int, seed: str
) -> tuple[str, list[str]]:
    """
    Start that many runs in this home, some at once, and kill; figures, and broken promises.

    Each run's chances follow from the seed and its number.
    """
    environ = {**environ, "PYTHONFAULTHANDLER": "1"}
    provider.scenario(length="400", token_seconds=0.005)  # they stream while a run is left alive
    first = subprocess.run([*RUN, "true"], env=environ, check=False).returncode
    before = traces(home)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seeds = [f"{seed}-{number}" for number in range(kills)]
        outcomes = list(pool.map(partial(kill_one, environ), seeds))
    killed = Counter(part for part, _ in outcomes)
    broken = [left for _, left in outcomes if left]
    if set(killed) != PARTS:
        broken.append(f"not every part was killed: {killed}")
    if traces(home) != before:
        broken.append(f"left were {traces(home)}, where there had been {before}")
    last = subprocess.run([*RUN, "sh", "-c", "sleep 3"], env=environ, check=False).returncode
    if first or last:
        broken.append(f"a run that nobody killed ended with {first or last}")
    holds, spent = ledger_of(environ)
    billed = provider.nanos()
    if holds:
        broken.append(f"{holds} holds are open")
    if not spent >= billed > 0:
        broken.append(f"the ledger has {spent} nano-dollars, billed were {billed}")
    told = ", ".join(f"{count} of {part}" for part, count in sorted(killed.items()))
    return f"{killed.total()} kills: {told}; {billed} nano-dollars billed, {spent} spent", broken


def kill_one(environ: Mapping[str, str], seed: str) -> tuple[str, str]:
    """A run and its end: the part that was killed, and what of it did not go away."""
    chance = random.Random(seed)
    began = time.monotonic()
    with subprocess.Popen(
        [*RUN, "sh", "-c", CALLS], env=dict(environ), start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        if chance.random() < 0.5:
            run.stdout.readline()
        # Somebody has to read on: curl would wait for ever in a full pipe.
        said: list[tuple[str, str]] = []
        reader = Thread(target=lambda: said.append(run.communicate()), daemon=True)
        reader.start()
        time.sleep(chance.uniform(0, KILLED_WITHIN_SECONDS))
        when = f"at {time.monotonic() - began:.2f} s of {run.pid}"
        below = children(run.pid)
        parts = {"llmcap": [run.pid], "its child": below[:1], "one of its keepers": below[1:]}
        parts["its grandchild"] = [pid for each in below for pid in children(each)]
        part = chance.choice([name for name, pids in parts.items() if pids])
        if part == "one of its keepers":  # the run goes on, and has the other one
            kill(chance.choice(below[1:]))
            time.sleep(chance.choice((0, chance.uniform(0, KILLED_WITHIN_SECONDS))))
            when += f", it itself at {time.monotonic() - began:.2f} s with {children(run.pid)}"
            kill(run.pid)
        else:
            kill(parts[part][-1])  # the last that it has started
        gone_by = time.monotonic() + END_SECONDS_MAX
        while left := session(run.pid):
            if time.monotonic() > gone_by:
                words = "; ".join(map(described, left))
                os.kill(left[0], signal.SIGABRT)  # Python then says where it was
                reader.join(5)
                os.killpg(run.pid, signal.SIGKILL)
                return part, f"{seed}: {part} was killed {when}, left are {words}: {said}"
            time.sleep(0.3)
        reader.join()
    return part, ""


def kill(pid: int) -> None:
    """Unless it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def described(pid: int) -> str:
    """A process: its number, its parent's, its words and its namespaces."""
    folder = Path(f"/proc/{pid}")
    try:
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        spaces = [str((folder / "ns" / kind).readlink()) for kind in ("user", "net")]
    except OSError as error:
        return f"{pid} that is gone by now ({error.strerror})"
    return f"{pid} of {parent} in {' '.join(spaces)}: {words}"


def session(leader: int) -> list[int]:
    """The processes of a session that are alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, sid = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(sid) == leader and state != "Z":
                found.append(int(folder.name))
    return found


def children(pid: int) -> list[int]:
    """Of one process: of `llmcap run` the fork that becomes the command."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def traces(home: Path) -> tuple[str, list[str], list[int]]:
    """What a run could leave: mounts, files outside of our folder, processes of any session."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return mounts, sorted(str(path) for path in home.iterdir()), processes(home)


def processes(home: Path) -> list[int]:
    """Those that are alive and were started with that home, also in sandboxes of their own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def ledger_of(environ: Mapping[str, str]) -> tuple[int, int]:
    """Its holds that nobody has ended, and what it says was spent, in nano-dollars."""
    path = Path(environ["XDG_DATA_HOME"]) / "llmcap" / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        (holds,) = ledger.execute("SELECT count(*) FROM open_holds").fetchone()
        (spent,) = ledger.execute("SELECT coalesce(sum(cost_nanos), 0) FROM entries").fetchone()
    return int(holds), int(spent)
