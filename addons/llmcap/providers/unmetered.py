"""
Hosts that sell what models do, and that LLMCap does not meter: what goes there is not decrypted.

They bill by the picture, the minute or the search, in formats of their own, or are the backends of
programs that are paid by the month, the seat or the hour. What becomes of a connection to one is
the user's word (`unmetered_hosts`); the table says what becomes of it where nothing was said: what
bills by use is refused, the rest is told once. Whoever speaks a format that is known is metered,
and in `vendors` or `sellers`.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llmcap.providers.parts.table import Table
from llmcap.words.rules import HostPolicy

ROWS = Path(__file__).with_name("unmetered.csv")


@dataclass(frozen=True, slots=True)
class Unmetered:
    """One of them: what it sells, and where its hosts are said."""

    name: str
    hosts: tuple[str, ...]
    sells: str
    unless_said: HostPolicy
    source: str


def unmetered(host: str) -> Unmetered | None:
    """Who sells at this host what is not metered; None for whoever does not, as far as we know."""
    return _table().find(host)


@cache
def everyone() -> tuple[Unmetered, ...]:
    """The whole table."""
    with ROWS.open(encoding="utf-8", newline="") as file:
        return tuple(
            Unmetered(
                name=row["name"],
                hosts=tuple(row["hosts"].split()),
                sells=row["sells"],
                unless_said=HostPolicy(row["unless said"]),
                source=row["source"],
            )
            for row in csv.DictReader(file)
        )


@cache
def _table() -> Table[Unmetered]:
    return Table(everyone())
