"""
The fields of a request that somebody has read, or knows to cost nothing; all others are unread.

What they are stands in `declared.toml`, with a reason or a source for each. A field that is not
there may name something that is read (a text, a list, an object), or say how often (a count): it is
never taken for nothing. A switch passes: what it would switch on has fields of its own, or a unit
that the answer tells.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.reader import COUNT_MAX
from llmcap.providers.parts.shape import Document, Request
from llmcap.words.errors import FormatError

_FILE = Path(__file__).with_name("declared.toml")

# Vendors whose request types the formats' own tables are: all others may add what many add.
_OWN = frozenset({"openai", "azure-openai"})

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unread:
    """What of a request nobody has read: the names, and the counts among them, multiplied."""

    names: tuple[str, ...] = ()
    times: int = 1


ALL_READ = Unread()


def unread_in(
    request: Request, *, provider: str, fields: str, allowed: Collection[str] = ()
) -> Unread:
    """
    What is not declared for this provider's format. `allowed` are names that the user knows better.

    Raises `FormatError` for a body that is neither a JSON object nor a form.
    """
    known = _known(provider, fields)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        form = {field.name: field.text for field in fields_of(request)}
        return _unread(form, known.names, allowed)
    document = request.document()
    if document.keys() <= known.names and not known.nested:
        return ALL_READ
    unread = _unread(document, known.names, allowed)
    for name, inner in known.nested.items():
        value = document.get(name, document.get(_snake(name)))
        if isinstance(value, dict):
            more = _unread(value, inner, allowed, prefix=f"{name}.")
            unread = Unread((*unread.names, *more.names), unread.times * more.times)
    return unread


@dataclass(frozen=True, slots=True)
class _Known:
    names: frozenset[str]
    nested: Mapping[str, frozenset[str]]


def _unread(
    document: Document, known: frozenset[str], allowed: Collection[str], *, prefix: str = ""
) -> Unread:
    found: list[str] = []
    times = 1
    for name, value in document.items():
        if name in known or f"{prefix}{name}" in allowed or not _may_cost(value):
            continue
        found.append(f"{prefix}{name}"[:100])
        if isinstance(value, int | float):
            times = min(times * int(value), COUNT_MAX)
    return Unread(tuple(found), times) if found else ALL_READ


def _may_cost(value: Any) -> bool:
    """Whether it could name or multiply something: not a switch, nothing, or a count below two."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return value >= 2
    return bool(value)


@cache
def _known(provider: str, fields: str) -> _Known:
    tables = _tables()
    if fields not in tables:
        raise FormatError(f"no field of {fields or 'this endpoint'} is declared")
    wanted = [fields, f"{provider}/{fields}"]
    if provider not in _OWN:
        wanted.append(f"compatible/{fields}")
    names = NONE.union(*(names_of(tables[name]) for name in wanted if name in tables))
    prefix = f"{fields}."
    nested = {
        name.removeprefix(prefix): _both_spellings(names_of(table))
        for name, table in tables.items()
        if name.startswith(prefix)
    }
    return _Known(_both_spellings(names) if nested else names, nested)


def undeclared(fields: str, names: Collection[str]) -> list[str]:
    """Those of a format's fields that no table has; `fields` may be a vendor's own."""
    vendor, _, base = fields.rpartition("/")
    wanted = [base, f"compatible/{base}", fields] if vendor else [base]
    tables = [_tables()[name] for name in wanted if name in _tables()]
    known = NONE.union(*(names_of(table) | set(table.get("unbounded", ())) for table in tables))
    return [name for name in names if name not in known]


def names_of(table: Mapping[str, Any]) -> frozenset[str]:
    """What a table declares as read or free."""
    free = [name for names in table.get("free", {}).values() for name in names]
    return frozenset((*table.get("read", ()), *free))


def _both_spellings(names: frozenset[str]) -> frozenset[str]:
    """Google takes `maxOutputTokens` for `max_output_tokens`, and the other way round."""
    return names | {_snake(name) for name in names}


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
