"""
Promise: whatever part of a confined run is killed, and whenever, nothing of it is left: no process,
no mount, no path; and what was held for its calls is accounted for by the next start.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from .people import CALL, URL, User

KILLS = int(os.environ.get("LLMCAP_KILLS", "1000"))
END_SECONDS_MAX = 60
AT_ONCE = 6

# From before the helper has made the network, and from when the first answer is on its way.
KILLED_WITHIN_SECONDS = 1.5

STREAM = json.dumps({**CALL, "stream": True, "max_tokens": 4000})
CALLS = f"while :; do curl -sS -N {URL} -d '{STREAM}' -H 'authorization: Bearer x' || exit; done"


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
    """Of one process: the helper, which becomes the command."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def traces(user: User) -> tuple[str, list[str]]:
    """What a run could leave: mounts, and files outside of our folder."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return mounts, sorted(str(path) for path in user.home.iterdir())


def open_holds(user: User) -> int:
    """Those that nobody has ended."""
    path = user.home / "data" / "llmcap" / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM open_holds").fetchone()
    return int(count)


def kill_one(user: User, seed: str) -> str:
    """A run, of which a random part is killed at a random moment; the part, when all are gone."""
    chance = random.Random(seed)
    with user.start("--confine", "--cap", "1000", "--", "sh", "-c", CALLS) as run:
        assert run.stdout is not None
        if chance.random() < 0.5:
            run.stdout.readline()
        # Somebody has to read on: curl would wait for ever in a full pipe.
        said: list[tuple[str, str]] = []
        reader = Thread(target=lambda: said.append(run.communicate()), daemon=True)
        reader.start()
        time.sleep(chance.uniform(0, KILLED_WITHIN_SECONDS))
        below = children(run.pid)
        parts = {"llmcap": [run.pid], "its child": below}
        parts["its grandchild"] = [pid for each in below for pid in children(each)]
        part = chance.choice([name for name, pids in parts.items() if pids])
        with contextlib.suppress(ProcessLookupError):
            os.kill(parts[part][0], signal.SIGKILL)
        gone_by = time.monotonic() + END_SECONDS_MAX
        while left := session(run.pid):
            if time.monotonic() > gone_by:
                words = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
                os.kill(left[0], signal.SIGABRT)  # Python then says where it was
                reader.join(5)
                pytest.fail(f"{seed}: {part} was killed, left are {words}: {said}")
            time.sleep(0.3)
        reader.join()
    return part


@pytest.mark.slow
def test_nothing_is_left_of_runs_that_are_killed(user: User) -> None:
    """Random parts at random moments; the seed is in the message of a failure."""
    seed = os.environ.get("LLMCAP_SEED", str(random.randrange(10**6)))
    user.provider.scenario(length="400", token_seconds=0.005)
    user.more["PYTHONFAULTHANDLER"] = "1"
    user.run("--confine", "--cap", "1000", "--", "true")
    before = traces(user)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seeds = [f"{seed}-{number}" for number in range(KILLS)]
        killed = Counter(pool.map(lambda each: kill_one(user, each), seeds))
    assert killed.total() == KILLS
    assert set(killed) == {"llmcap", "its child", "its grandchild"}, (seed, killed)
    assert traces(user) == before, seed
    done = user.run("--confine", "--cap", "1000", "--", "sh", "-c", "sleep 3")
    assert done.returncode == 0, done.stderr
    assert open_holds(user) == 0, (seed, killed)
    assert user.spent_nanos() >= user.provider.nanos() > 0, (seed, killed)
