"""
The tables of `fields/`: what each format has, and what vendors add to it.

A table is a format, named by `Endpoint.fields`, or a part of it (`chat.tools`, `vendor/chat`). It
says which fields are read here, which cost nothing and why, which are known to have no bound, and
of what kinds the objects of a list may be. See `fields/README.md`.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from llmcap.words.errors import FormatError

FOLDER = Path(__file__).with_name("fields")

# Vendors whose request types the formats' own tables are: all others may add what many add.
OWN = frozenset({"openai", "azure-openai", "helicone-openai"})

# What a table may say.
KEYS = frozenset({
    "source", "read", "free", "unbounded", "kinds", "repeats", "any", "camel", "raw", "bodiless",
    "like",
})  # fmt: skip

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fields:
    """What is known of one object of a request."""

    names: frozenset[str] = NONE  # read, or free
    dear: frozenset[str] = NONE  # known to have no bound, in small letters: a switch of them too
    kinds: frozenset[str] = NONE  # what its `type` may be, without the date of a version
    repeats: frozenset[str] = NONE  # names that a form or a query may have several times
    any: bool = False  # its names are the caller's own, or read whatever they are
    camel: bool = False  # both spellings are taken, and every part has these
    raw: bool = False  # the body may be the medium itself
    bodiless: bool = False  # all that counts is in the path
    below: Mapping[str, "Fields"] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether its names are all that there is to look at."""
        return not (self.below or self.kinds or self.camel)


NO_FIELDS = Fields()


def fields_of(provider: str, fields: str, *, strict: bool = True) -> Fields:
    """What is known of a format at a provider. Raises `FormatError` where nothing is."""
    if strict and fields not in tables():
        raise FormatError(f"no field of {fields or 'this endpoint'} is declared")
    vendor = provider if provider in OWN or provider in _vendors() else ""
    return _declared(vendor, fields)


@cache
def _declared(provider: str, fields: str) -> Fields:
    return _gathered(provider, fields, camel=False)


@cache
def _vendors() -> frozenset[str]:
    """Those who have a table of their own."""
    return frozenset(name.partition("/")[0] for name in tables() if "/" in name)


def _gathered(provider: str, fields: str, *, camel: bool) -> Fields:
    found = [tables()[name] for name in _names_for(provider, fields) if name in tables()]
    camel = camel or any(each.get("camel") for each in found)
    names = NONE.union(*map(names_of, found))
    parts = {name.rpartition("/")[2] for name in tables()}
    prefixes = [f"{name}." for name in _bases(fields)]
    below = {
        part.removeprefix(prefix)
        for part in parts
        for prefix in prefixes
        if part.startswith(prefix) and "." not in part.removeprefix(prefix)
    }
    return Fields(
        names=names | {snake(name) for name in names} if camel else names,
        kinds=NONE.union(*(each.get("kinds", ()) for each in found)),
        repeats=NONE.union(*(each.get("repeats", ()) for each in found)),
        any=any(each.get("any", False) for each in found),
        camel=camel,
        dear=NONE.union(*(map(str.lower, each.get("unbounded", ())) for each in found)),
        raw=any(each.get("raw", False) for each in found),
        bodiless=any(each.get("bodiless", False) for each in found),
        below={
            name: _gathered(provider, f"{fields}.{name}", camel=camel) for name in sorted(below)
        },
    )


def _names_for(provider: str, fields: str) -> list[str]:
    """The tables that make up a format at a vendor: the format's, many vendors', its own."""
    vendors = [provider] if provider in OWN else ["compatible", provider]
    return [
        name
        for base in _bases(fields)
        for name in (base, *(f"{vendor}/{base}" for vendor in vendors if vendor))
    ]


@cache
def _bases(fields: str) -> tuple[str, ...]:
    """The format itself, and those that it is like, with the part that is asked for."""
    found = [fields]
    root, dot, part = fields.partition(".")
    while like := tables().get(root, {}).get("like", ""):
        root = like
        found.append(f"{root}{dot}{part}")
    return tuple(found)


def undeclared(fields: str, names: Collection[str]) -> list[str]:
    """Those of a format's fields that no table has; `fields` may be a vendor's own."""
    vendor, _, base = fields.rpartition("/")
    known = NONE
    for name in _names_for(vendor or "openai", base):
        table = tables().get(name, {})
        known |= names_of(table) | frozenset((*table.get("unbounded", ()), *table.get("kinds", ())))
    return [name for name in names if name not in known]


def names_of(table: Mapping[str, Any]) -> frozenset[str]:
    """What a table declares as read or free."""
    free = [name for names in table.get("free", {}).values() for name in names]
    return frozenset((*table.get("read", ()), *free))


def snake(name: str) -> str:
    """`maxOutputTokens` as `max_output_tokens`: Google takes both."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


@cache
def tables() -> Mapping[str, Mapping[str, Any]]:
    """Every table, by its name. No two files have the same."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        if both := found.keys() & read.keys():
            raise FormatError(f"{path.name} has a table that another file has: {min(both)}")
        found |= read
    return found
