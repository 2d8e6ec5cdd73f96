"""
What opencode keeps of its sessions: a file for each message, and since 1.2 a database instead.

`~/.local/share/opencode/storage/message/SESSION/MESSAGE.json`, and `opencode.db` beside `storage`,
with the same documents in the column `data` of `message`, or of `session_message` in newer ones
(https://github.com/anomalyco/opencode, `packages/opencode/src/session`). `tokens` has what was
cached, and what was thought, beside `input` and `output`. An answer is there in both for a while.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from llmcap.imports.found import Document, Found, Notes, count, document, moment, part
from llmcap.imports.gateways import whose
from llmcap.words.usage import Usage

OPENCODE = "opencode"


def is_message(path: Path) -> bool:
    """Whether a file is a message of opencode's."""
    return path.suffix == ".json" and path.parts[-4:-2] == ("storage", "message")


def is_database(path: Path) -> bool:
    """Whether it is a database of its, of whichever channel."""
    return path.suffix == ".db" and path.stem.partition("-")[0] == OPENCODE


def message(path: Path, notes: Notes) -> Iterator[Found]:
    """The answer that a file holds, if it is one."""
    told = document(path, notes, "messages")
    yield from _answer(told, str(told.get("id") or path.stem))


def database(path: Path, notes: Notes) -> Iterator[Found]:
    """The answers in a database, which is only read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            for table in ("message", "session_message"):
                if table in tables:
                    yield from _answers(db, table, notes)
    except sqlite3.Error:
        notes.add("databases that cannot be read")


def _answers(db: sqlite3.Connection, table: str, notes: Notes) -> Iterator[Found]:
    for name, text in db.execute(f"SELECT id, data FROM {table} ORDER BY id"):  # noqa: S608 - ours
        try:
            told = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            notes.add("messages that are no JSON")
            continue
        if isinstance(told, dict):
            yield from _answer(told, str(name))


def _answer(told: Document, name: str) -> Iterator[Found]:
    """What a message used; the model of newer ones has a place of its own."""
    tokens, named = part(told, "tokens"), part(told, "model")
    at = moment(part(told, "time").get("created"))
    model = told.get("modelID") or named.get("id") or named.get("modelID")
    cache = part(tokens, "cache")
    read, wrote, thought = (
        count(value) for value in (cache.get("read"), cache.get("write"), tokens.get("reasoning"))
    )
    usage = Usage(
        input_tokens=count(tokens.get("input")) + read + wrote,
        output_tokens=count(tokens.get("output")) + thought,
        cache_read=read,
        cache_write_5m=wrote,
        reasoning=thought,
    )
    if at is None or not isinstance(model, str) or usage == Usage():
        return
    seller = str(told.get("providerID") or named.get("providerID") or "")
    provider, model = whose(seller, model)
    where = str(part(told, "path").get("cwd") or "")
    attributes = {"cwd": where} if where else {}
    yield Found(OPENCODE, provider, model, at, usage, f"{OPENCODE}:{name}", attributes=attributes)
