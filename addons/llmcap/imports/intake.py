"""Found calls into the ledger: each once, priced at its time, never one that passed the proxy."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from llmcap.budgets.budget import scopes_for
from llmcap.imports import assistants, gateways, opencode
from llmcap.imports.found import Found, Notes, Reader
from llmcap.ledger import Ledger
from llmcap.ledger.history import PastCall
from llmcap.pricing import PriceBook, cost_usd
from llmcap.words.errors import PriceError, ReconcileError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Budget, Call, Ending, Settlement
from llmcap.words.usage import Count

MARK = "imported"  # the attribute that says where a call is from
ENDPOINT = "imported"

# Two programs do not agree about when a call was: one has its beginning, the other its end.
SAME_CALL = timedelta(minutes=10)
# Under which other names a provider's calls may have passed.
_ALSO = {"openai": ("openai-codex",), "anthropic": (), "google": ("google-vertex",)}


@dataclass(slots=True)
class Taken:
    """What an import did: calls and dollars that are new, known, seen, or without a price."""

    new: int = 0
    nanos: int = 0
    known: int = 0  # imported before, or told twice in the files
    passed: int = 0  # these went through the proxy
    unpriced: dict[str, int] = field(default_factory=dict)


def collect(paths: Sequence[Path], notes: Notes) -> list[Found]:
    """
    Every call of the files and folders once, the oldest first. Raises `ReconcileError`.

    What stands in several files (a resumed session, a fork, a subagent's) is what says most of it.
    """
    kept: dict[str, Found] = {}
    for path in paths:
        for file in _files(path):
            for found in _read(file, notes, named=file == path):
                known = kept.get(found.key)
                if known is None:
                    kept[found.key] = found
                    continue
                notes.add("calls that are told again")
                best = max(known, found, key=lambda each: each.usage.output_tokens)
                kept[found.key] = replace(best, at=min(known.at, found.at))
    return sorted(kept.values(), key=lambda each: (each.at, each.key))


def take(
    ledger: Ledger,
    calls: Iterable[Found],
    seen: Iterable[PastCall],
    book: PriceBook,
    budgets: Sequence[Budget] = (),
    *,
    dry: bool = False,
) -> Taken:
    """
    Write what is new; `seen` are the ledger's calls of that time, `budgets` those that count it.

    A model without a price is left out and told: it is never free.
    """
    taken = Taken()
    index = _Seen(seen)
    for found in calls:
        if index.is_known(found):
            taken.known += 1
            continue
        if index.passed(found):
            taken.passed += 1
            continue
        nanos = _cost(found, book)
        if nanos is None:
            name = f"{found.provider or '?'}/{found.model or '?'}"
            taken.unpriced[name] = taken.unpriced.get(name, 0) + 1
            continue
        facts = {**found.attributes, MARK: found.source}
        identity = hashlib.blake2b(found.key.encode(), digest_size=16).hexdigest()
        call = Call(identity, found.at, found.provider, ENDPOINT, found.model, facts)
        settlement = Settlement(
            Ending.SETTLED, nanos, found.usage, model=found.model, response_id=found.key,
            note=f"imported from {found.source}",
        )  # fmt: skip
        scopes = scopes_for(budgets, call, run_id="")
        if dry or ledger.charge_once(call, scopes, settlement):
            taken.new += 1
            taken.nanos += nanos
        else:
            taken.known += 1
    return taken


def _cost(found: Found, book: PriceBook) -> int | None:
    """What a call cost at its time, in nano-dollars; None where nobody knows."""
    price = book.find(found.provider, found.model, found.at)
    if price is None:
        return None
    try:
        return ceil_nanos(cost_usd(found.usage, price, found.terms))
    except PriceError:
        return None


def span(calls: Sequence[Found]) -> tuple[datetime, datetime]:
    """The time of the ledger that these calls may be in."""
    return calls[0].at - SAME_CALL, calls[-1].at + SAME_CALL


class _Seen:
    """The ledger's calls of a time, by response and by what they used."""

    def __init__(self, calls: Iterable[PastCall]) -> None:
        self._imported: set[str] = set()
        self._responses: set[str] = set()
        self._used: dict[tuple[str, int, int], list[datetime]] = {}
        for call in calls:
            if call.attributes.get(MARK):
                self._imported.add(call.response_id or "")
                continue
            if call.response_id:
                self._responses.add(call.response_id)
            used = (call.provider, *_counts(call.usage))
            if any(used[1:]):
                self._used.setdefault(used, []).append(call.at)

    def is_known(self, found: Found) -> bool:
        """Whether it was imported before."""
        return found.key in self._imported

    def passed(self, found: Found) -> bool:
        """Whether it went through the proxy: by its id, or where it has none by what it used."""
        if found.key in self._responses or found.key.rpartition(":")[0] in self._responses:
            return True
        if found.told and self._responses and found.source == assistants.CLAUDE:
            return False  # its ids are the provider's own
        counts = found.usage.input_tokens, found.usage.output_tokens
        return any(
            abs(at - found.at) <= SAME_CALL
            for provider in (found.provider, *_ALSO.get(found.provider, ()))
            for at in self._used.get((provider, *counts), ())
        )


def _counts(usage: Mapping[str, Count]) -> tuple[int, int]:
    return int(usage.get("input_tokens", 0)), int(usage.get("output_tokens", 0))


# --- files ------------------------------------------------------------------------------------


def usual_folders(home: Path) -> list[Path]:
    """Where assistants keep their sessions, of those that are there."""
    folders = (".claude/projects", ".config/claude/projects", ".codex/sessions",
               ".codex/archived_sessions", ".gemini/tmp", ".local/share/opencode")  # fmt: skip
    return [home / each for each in folders if (home / each).is_dir()]


_SUFFIXES = frozenset((".json", ".jsonl", ".db"))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.suffix in _SUFFIXES and file.is_file() and _reader_of(file) is not None:
            yield file


def _reader_of(path: Path) -> Reader | None:
    """Who reads a file of an assistant's folder, by its name; None: it is nobody's."""
    if opencode.is_database(path):
        return opencode.database
    if opencode.is_message(path):
        return opencode.message
    in_chats = "chats" in path.parts and path.name.startswith("session-")
    if path.suffix == ".jsonl":
        if path.name.startswith("rollout-"):
            return assistants.codex
        return assistants.gemini_cli if in_chats else assistants.claude_code
    return assistants.gemini_cli if path.suffix == ".json" and in_chats else None


def _read(path: Path, notes: Notes, *, named: bool) -> Iterator[Found]:
    """The calls of a file: one that was named may also be an export."""
    reader = _reader_of(path)
    if named and (reader is None or reader is assistants.claude_code):
        first = gateways.first_row(path)
        if first is None:
            raise ReconcileError(f"{path}: it is empty")
        if gateways.is_export(first):
            reader = gateways.exported
        elif reader is None or not {"type", "sessionId", "message"} & first.keys():
            raise ReconcileError(
                f"{path}: it is no transcript or export that is known here\n"
                "hint: sessions of Claude Code, Codex, Gemini CLI or opencode, spend logs of "
                "LiteLLM, observations of Langfuse, requests of Helicone"
            )
    assert reader is not None
    yield from reader(path, notes)
