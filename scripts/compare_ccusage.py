"""
What `llmcap import` counts of a tree of assistants' sessions, beside what ccusage counts of it.

    python scripts/compare_ccusage.py

The tree is made: Claude Code (an answer in several lines, resumed and forked sessions, subagents, a
last line that is half written), Codex (totals that are repeated, a fork, a session that counts
anew), Gemini CLI, and opencode (files and its database). ccusage comes from npm, at the version
below. Each source is compared by its kinds of token, what was thought being output. The exit code
is not 0 where they differ, or where importing the tree ten times adds something to the first.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CCUSAGE = "20.0.24"
DAY = "2026-11-20"
KINDS = ("input", "output", "cache write", "cache read")

Counts = tuple[int, int, int, int]  # of each kind


def written(path: Path, *documents: object, tail: str = "") -> None:
    """JSON Lines, and how far the next line was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without spaces, as the programs write: ccusage does not see a line that has any.
    lines = (json.dumps(each, separators=(",", ":")) + "\n" for each in documents)
    path.write_text("".join(lines) + tail)


def at(minute: int) -> str:
    """A time of the day."""
    return f"{DAY}T12:{minute:02}:00.000Z"


# --- the tree -------------------------------------------------------------------------------


def claude(home: Path) -> None:
    """Four answers, told fourteen times."""

    def said(
        name: str, output: int, minute: int, session: str = "s1", **more: Any
    ) -> dict[str, Any]:
        usage = {"input_tokens": 10, "cache_creation_input_tokens": 100,
                 "cache_read_input_tokens": 1_000, "output_tokens": output}  # fmt: skip
        message = {"id": f"msg_{name}", "type": "message", "role": "assistant", "content": [],
                   "model": "claude-sonnet-4-5-20250929", "usage": usage}  # fmt: skip
        return {"type": "assistant", "sessionId": session, "requestId": f"req_{name}",
                "version": "2.1.0", "cwd": "/src", "timestamp": at(minute), "message": message,
                **more}  # fmt: skip

    project = home / ".claude" / "projects" / "-src"
    parts = [said("a", 1, 0), said("a", 40, 0), said("a", 200, 0)]
    second = [said("b", 50, 1), said("b", 50, 1)]
    written(project / "s1.jsonl", {"type": "summary"}, *parts, *second, tail='{"type": "assist')
    resumed = [{**each, "sessionId": "s2"} for each in (*parts, *second)]
    gateway = [said("e", 30, 4, "s2"), said("e", 30, 4, "s2", requestId="req_of_a_gateway")]
    written(project / "s2.jsonl", *resumed, said("c", 70, 2, "s2"), *gateway)
    agent = said("d", 90, 3, "s2", isSidechain=True, agentId="a1")
    forked = {**parts[-1], "isSidechain": True, "sessionId": "s2"}
    written(project / "s2" / "subagents" / "agent-a1.jsonl", forked, agent, agent)


def codex(home: Path) -> None:
    """Two turns, a fork that copies them with other times, and a session that counts anew."""

    def counted(total: tuple[int, int, int], last: tuple[int, int, int], minute: int) -> object:
        def usage(counts: tuple[int, int, int]) -> dict[str, int]:
            return {"input_tokens": counts[0], "cached_input_tokens": counts[1],
                    "output_tokens": counts[2], "reasoning_output_tokens": 0,
                    "total_tokens": counts[0] + counts[2]}  # fmt: skip

        info = {"total_token_usage": usage(total), "last_token_usage": usage(last)}
        payload = {"type": "token_count", "info": info}
        return {"type": "event_msg", "timestamp": at(minute), "payload": payload}

    def meta(name: str, **more: str) -> object:
        payload = {"id": name, "cwd": "/src", "timestamp": at(0), **more}
        return {"type": "session_meta", "timestamp": at(0), "payload": payload}

    folder = home / ".codex" / "sessions" / "2026" / "11" / "20"
    turn = {"type": "turn_context", "timestamp": at(0), "payload": {"model": "gpt-5-mini"}}
    first = counted((1_000, 500, 100), (1_000, 500, 100), 1)
    second = counted((3_000, 1_500, 300), (2_000, 1_000, 200), 2)
    written(folder / "rollout-2026-11-20T12-00-00-1.jsonl", meta("one"), turn, first, first,
            second, second, tail='{"type": "event')  # fmt: skip
    written(folder / "rollout-2026-11-20T12-30-00-2.jsonl", meta("two", forked_from_id="one"),
            meta("one"), turn, counted((1_000, 500, 100), (1_000, 500, 100), 31),
            counted((3_000, 1_500, 300), (2_000, 1_000, 200), 31),
            counted((3_500, 1_500, 350), (500, 0, 50), 33))  # fmt: skip
    written(folder / "rollout-2026-11-20T12-40-00-3.jsonl", meta("three"), turn,
            counted((5_000, 0, 500), (5_000, 0, 500), 41),
            counted((800, 0, 80), (800, 0, 80), 45))  # fmt: skip


def gemini(home: Path) -> None:
    """One session, one of its answers told twice."""

    def message(name: str, minute: int, output: int) -> dict[str, Any]:
        tokens = {"input": 1_000, "output": output, "cached": 400, "thoughts": 30, "tool": 0,
                  "total": 1_030 + output}  # fmt: skip
        return {"id": name, "type": "gemini", "timestamp": at(minute), "content": "",
                "model": "gemini-2.5-flash", "tokens": tokens}  # fmt: skip

    chats = home / ".gemini" / "tmp" / "0123abcd" / "chats"
    chats.mkdir(parents=True)
    messages = [{"id": "0", "type": "user", "timestamp": at(0), "content": ""},
                message("1", 1, 20), message("2", 2, 50)]  # fmt: skip
    head = {"sessionId": "g1", "projectHash": "0123abcd", "startTime": at(0), "lastUpdated": at(2)}
    (chats / "session-2026-11-20T12-00-g1.json").write_text(
        json.dumps({**head, "messages": messages})
    )


def opencode(home: Path) -> None:
    """An answer in a file, the same in the database, and one that is only there."""

    def message(name: str, output: int, minute: int) -> dict[str, Any]:
        created = 1_795_176_000_000 + minute * 60_000
        tokens = {"input": 300, "output": output, "reasoning": 20,
                  "cache": {"read": 1_000, "write": 200}}  # fmt: skip
        return {"id": name, "sessionID": "ses_1", "role": "assistant", "tokens": tokens, "cost": 0,
                "providerID": "anthropic", "modelID": "claude-sonnet-4-5-20250929",
                "time": {"created": created, "completed": created + 5_000}}  # fmt: skip

    folder = home / ".local" / "share" / "opencode"
    first, second = message("msg_o1", 40, 1), message("msg_o2", 60, 2)
    asked: dict[str, Any] = {"id": "msg_u", "sessionID": "ses_1", "role": "user"}
    for each in (first, asked):
        path = folder / "storage" / "message" / "ses_1" / f"{each['id']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(each))
    with closing(sqlite3.connect(folder / "opencode.db")) as db, db:
        db.execute("CREATE TABLE message (id TEXT, session_id TEXT, time_created INTEGER,"
                   " time_updated INTEGER, data TEXT)")  # fmt: skip
        for each in (first, second):
            kept = {name: value for name, value in each.items() if name not in ("id", "sessionID")}
            created = each["time"]["created"]
            db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)",
                       (each["id"], "ses_1", created, created, json.dumps(kept)))  # fmt: skip


# --- counting -------------------------------------------------------------------------------


SOURCES = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}
# What ccusage counts twice: an answer is one by its id, whatever the ids of its requests were.
DOUBLES: dict[str, Counts] = {"claude": (10, 30, 100, 1_000)}
NAMES = {"claude": "claude-code", "gemini": "gemini-cli"}  # what LLMCap calls them


def told_by_ccusage(folder: Path, home: Path, source: str) -> Counts:
    """Its own totals. What was thought is beside the output, and only in the sum of all."""
    command = ["node", str(folder / "node_modules" / "ccusage" / "src" / "cli.js"), source, "daily",
               "--json", "--offline"]  # fmt: skip
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": "UTC"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    totals = json.loads(done.stdout)["totals"]
    names = ("inputTokens", "cacheCreationTokens", "cacheReadTokens")
    new, wrote, read = (totals[name] for name in names)
    return new, totals["totalTokens"] - new - wrote - read, wrote, read


def told_by_llmcap(home: Path, ledger: Path, source: str) -> Counts:
    """The same of the calls that it has imported ten times, each of them once."""
    command = [sys.executable, "-m", "llmcap.cli"]
    environ = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT / "addons")}

    def run(*words: str) -> str:
        done = subprocess.run(
            [*command, *words, "--ledger", str(ledger)],
            env=environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    taken = [json.loads(run("import", "--json"))["new"] for _ in range(10)]
    assert not any(taken[1:]), f"importing again added calls: {taken}"
    with closing(sqlite3.connect(ledger)) as db:
        db.row_factory = sqlite3.Row
        return counted_calls(db, NAMES.get(source, source))


def counted_calls(db: sqlite3.Connection, source: str) -> Counts:
    """The sums of what was imported from a source."""
    from llmcap.ledger.spans import calls_within  # noqa: PLC0415 - the path is set by then

    usages = [
        call.usage
        for call in calls_within(db, since=None, until=None)
        if call.attributes.get("imported") == source
    ]

    def total(name: str) -> int:
        return sum(int(usage.get(name, 0)) for usage in usages)

    wrote = total("cache_write_5m") + total("cache_write_1h")
    read = total("cache_read")
    return total("input_tokens") - wrote - read, total("output_tokens"), wrote, read


def main() -> int:
    """Compare every source, and say what differs."""
    if shutil.which("npm") is None:
        print("npm is not here: nothing can be compared", file=sys.stderr)
        return 2
    sys.path.insert(0, str(ROOT / "addons"))
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", f"ccusage@{CCUSAGE}"]
        subprocess.run(install, cwd=folder, check=True)
        print(f"ccusage {CCUSAGE}; tokens: {', '.join(KINDS)}")
        for source, make in SOURCES.items():
            home = folder / source
            make(home)
            theirs = told_by_ccusage(folder, home, source)
            ours = told_by_llmcap(home, folder / f"{source}.sqlite3", source)
            twice = DOUBLES.get(source, (0, 0, 0, 0))
            same = tuple(map(sum, zip(ours, twice, strict=True))) == theirs
            wrong += not same
            but = f" but for {twice}, which it counts twice" if any(twice) else ""
            verdict = f"equal{but}" if same else "DIFFERS"
            print(f"{source:9} {verdict}: {ours}, ccusage {theirs}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
