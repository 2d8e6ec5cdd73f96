"""
What coding assistants keep of their sessions.

- Claude Code, `~/.claude/projects/**/*.jsonl`: an answer is written once for each of its parts,
  under one message id, with usage that grows; resumed and forked sessions copy what was said
  before, and subagents have files of their own. One message id is one call, at its last word
  (`findings/ccusage_first_word.sh` shows who takes the first).
- Codex CLI, `~/.codex/sessions/**/rollout-*.jsonl`: newer ones write a `token_usage_record` for
  each response, with its id; older ones only `token_count` events, whose totals grow and are
  repeated. A fork copies its parent's with other times, so a total counts once in a family.
- Gemini CLI, `~/.gemini/tmp/*/chats/session-*.json`: `tokens` of each message; what was cached is
  within `input`, thoughts are beside `output`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmcap.imports.found import Document, Found, Notes, count, document, lines, moment, part
from llmcap.providers.anthropic.bill import message_charges
from llmcap.words.usage import Usage

CLAUDE, CODEX, GEMINI = "claude-code", "codex", "gemini-cli"
_SYNTHETIC = "<synthetic>"


def claude_code(path: Path, notes: Notes) -> Iterator[Found]:
    """The answers of a Claude Code transcript; of each the last that was written of it."""
    said: dict[str, list[Found]] = {}
    for line in lines(path, notes):
        message = part(line, "message")
        usage = part(message, "usage")
        at = moment(line.get("timestamp"))
        model = message.get("model")
        if line.get("type") != "assistant" or not usage or at is None or model == _SYNTHETIC:
            continue
        key = message.get("id")
        if not isinstance(key, str) or not isinstance(model, str) or not key:
            notes.add("answers without an id")
            continue
        kept = said.get(key)
        first = min(kept[0].at, at) if kept else at
        attributes = _named(cwd=line.get("cwd"))
        said[key] = [
            Found(
                CLAUDE,
                _seller(model),
                charge.model,
                first,
                charge.usage,
                key if number == 0 else f"{key}:{charge.model}",
                told=number == 0,
                terms=charge.terms,
                attributes=attributes,
            )
            for number, charge in enumerate(message_charges(dict(usage), model))
        ]
    for found in said.values():
        yield from found


def _seller(model: str) -> str:
    """Claude Code asks Bedrock and Vertex too, by the names that models have there."""
    if "anthropic." in model:
        return "aws-bedrock"
    return "google-vertex" if "@" in model else "anthropic"


def codex(path: Path, notes: Notes) -> Iterator[Found]:
    """The responses of a Codex rollout."""
    session = _Session(path.stem)
    told: list[Found] = []
    counted: list[Found] = []
    for line in lines(path, notes):
        payload = part(line, "payload")
        kind = line.get("type")
        at = moment(line.get("timestamp"))
        if kind == "session_meta":
            session.begin(payload)
        elif kind == "turn_context":
            session.model = str(payload.get("model") or session.model)
            session.cwd = str(payload.get("cwd") or session.cwd)
        elif kind == "token_usage_record" and at is not None:
            key = payload.get("response_id")
            usage = _codex_usage(part(payload, "usage"))
            if isinstance(key, str) and usage != Usage():
                told.append(session.found(at, usage, key, told=True))
        elif kind == "event_msg" and payload.get("type") == "token_count" and at is not None:
            info = part(payload, "info")
            total = part(info, "total_token_usage")
            if total and (usage := session.step(total, part(info, "last_token_usage"))) != Usage():
                counted.append(session.found(at, usage, session.key(total)))
    yield from told or counted


class _Session:
    """What a rollout has said of itself so far."""

    def __init__(self, name: str) -> None:
        self.family = name
        self.model = ""
        self.cwd = ""
        self._before: Usage | None = None
        self._begun = False

    def begin(self, payload: Document) -> None:
        """The first of its headers is its own; a copied one is its parent's."""
        if self._begun:
            return
        self._begun = True
        parent = payload.get("forked_from_id") or payload.get("parent_thread_id")
        self.family = str(parent or payload.get("id") or self.family)
        self.cwd = str(payload.get("cwd") or "")

    def step(self, total: Document, last: Document) -> Usage:
        """What came to the total since it was last told; nothing where it is told again."""
        now, before = _codex_usage(total), self._before
        self._before = now
        if now == before:
            return Usage()
        grown = before is not None and now.input_tokens >= before.input_tokens and (
            now.output_tokens >= before.output_tokens
        )  # fmt: skip
        if not grown or before is None:  # the first, or a session that begins to count anew
            return _codex_usage(last) if last else now
        return Usage(
            input_tokens=now.input_tokens - before.input_tokens,
            output_tokens=now.output_tokens - before.output_tokens,
            cache_read=max(now.cache_read - before.cache_read, 0),
            cache_write_5m=max(now.cache_write_5m - before.cache_write_5m, 0),
            reasoning=max(now.reasoning - before.reasoning, 0),
        )

    def key(self, total: Document) -> str:
        """Of one total in a family of sessions."""
        usage = _codex_usage(total)
        return f"{CODEX}:{self.family}:{usage.input_tokens}:{usage.output_tokens}"

    def found(self, at: Any, usage: Usage, key: str, *, told: bool = False) -> Found:
        """One response."""
        attributes = _named(cwd=self.cwd)
        return Found(CODEX, "openai", self.model, at, usage, key, told=told, attributes=attributes)


def _codex_usage(told: Document) -> Usage:
    return Usage(
        input_tokens=count(told.get("input_tokens")),
        output_tokens=count(told.get("output_tokens")),
        cache_read=count(told.get("cached_input_tokens")),
        cache_write_5m=count(told.get("cache_write_input_tokens")),
        reasoning=count(told.get("reasoning_output_tokens")),
    )


def gemini_cli(path: Path, notes: Notes) -> Iterator[Found]:
    """The answers of a Gemini CLI session: one JSON document, or newer ones as JSON Lines."""
    messages: dict[str, Found] = {}
    session = path.stem
    for each in _gemini_messages(path, notes):
        session = str(each.get("sessionId") or session)
        tokens, at = part(each, "tokens"), moment(each.get("timestamp"))
        model = each.get("model")
        if not tokens or at is None or not isinstance(model, str):
            continue
        key = f"{GEMINI}:{session}:{each.get('id') or each.get('timestamp')}"
        usage = Usage(
            input_tokens=count(tokens.get("input")) + count(tokens.get("tool")),
            output_tokens=count(tokens.get("output")) + count(tokens.get("thoughts")),
            cache_read=count(tokens.get("cached")),
            reasoning=count(tokens.get("thoughts")),
        )
        messages[key] = Found(GEMINI, "google", model, at, usage, key)
    yield from messages.values()


def _gemini_messages(path: Path, notes: Notes) -> Iterator[Document]:
    if path.suffix == ".jsonl":
        session = ""
        for line in lines(path, notes):
            session = str(line.get("sessionId") or session)
            yield {"sessionId": session, **line}
        return
    whole = document(path, notes, "sessions")
    for each in whole.get("messages") or ():
        if isinstance(each, dict):
            yield {**each, "sessionId": whole.get("sessionId")}


def _named(**values: object) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value}
