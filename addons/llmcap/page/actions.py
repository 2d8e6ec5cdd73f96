"""
What an admin changes on the page. Each change is an entry of the ledger, or of the treasury: what,
by whom, why.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmcap.ledger.byhand import amount_of, choose, named, shown
from llmcap.ledger.names.keys import name_key
from llmcap.notices.events import EventLog, events_path
from llmcap.treasury.place import Place
from llmcap.words.errors import ConfigError

REASON_CHARS_MAX = 200
VERBS = ("raise", "set", "reset", "pause", "resume")


def change_budget(place: Place, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """
    Raise, set, reset, pause or resume a budget. What undoes it, where something does.

    Raises `ConfigError` for what cannot be, and another `LLMCapError` where it cannot be written.
    """
    verb, reason = _text(wanted, "do"), _text(wanted, "reason")[:REASON_CHARS_MAX]
    if verb not in VERBS:
        raise ConfigError(f"{verb!r} is nothing that can be done; there are: {', '.join(VERBS)}")
    if not reason:
        raise ConfigError("a change needs a reason, for those who read the ledger later")
    now = datetime.now(UTC)
    known = named(place.known(now), _text(wanted, "name"))
    budget = known.budget
    if verb in ("pause", "resume"):
        note = _signed(f"{budget.name} {verb}d", reason)
        place.pause(known, paused=verb == "pause", note=note)
        return {"done": note, "undo": {"do": "resume" if verb == "pause" else "pause"}}
    scope, balance = choose(known, _text(wanted, "value") if budget.per else None, now)
    more = 0
    if verb == "raise":
        more = amount_of(budget, _text(wanted, "amount"))
        done = f"raised by {shown(more, scope)}"
    elif verb == "set":
        cap = amount_of(budget, _text(wanted, "amount"))
        more = cap - budget.cap - balance.raised
        done = f"cap set to {shown(cap, scope)}"
    else:
        done = f"reset, {shown(balance.spent, scope)} no longer counts"
    note = _signed(f"{scope.name} {done}", reason)
    place.adjust(scope, reset=verb == "reset", raise_by=more, note=note)
    before = shown(budget.cap + balance.raised, scope)
    return {"done": note, "undo": None if verb == "reset" else {"do": "set", "amount": before}}


def name_a_key(ledger_path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Name a key, or take its name away. Raises `ConfigError`."""
    reason = _text(wanted, "reason")[:REASON_CHARS_MAX]
    if not reason:
        raise ConfigError("a change needs a reason, for those who read the ledger later")
    name = _text(wanted, "name")
    why = f"on the page ({reason})"
    found, before = name_key(ledger_path, _text(wanted, "key"), name, why=why)
    done = f"key {found} is called {name!r}" if name else f"key {found} has no name any more"
    return {"done": done, "undo": {"key": found, "name": before}}


def close_breaker(ledger_path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the proxies to close a breaker."""
    path = events_path(str(ledger_path))
    if not Path(path).exists():
        raise ConfigError("no proxy has used this ledger yet")
    log = EventLog(path)
    try:
        kind, value = _text(wanted, "kind"), _text(wanted, "value")
        log.ask_to_close(kind or None, value or None, datetime.now(UTC))
    finally:
        log.close()
    return {"done": f"asked the proxies to close the {kind} breaker of {value}", "undo": None}


def _text(wanted: Mapping[str, Any], name: str) -> str:
    value = wanted.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{name} is no text")
    return value.strip()


def _signed(done: str, reason: str) -> str:
    return f"{done} on the page ({reason})"
