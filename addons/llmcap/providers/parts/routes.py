"""
A provider's paths as a table of patterns, looked up without walking through it.

A pattern is literal (`/v1/chat/completions`), has `{}` where a segment varies
(`/v1/responses/{}`), or ends in `/**` where anything may follow. Methods are named: one, or several
as in `GET|DELETE`; a HEAD is a GET. `*` stands for all of them, and no free endpoint may say that:
what a method does that nobody thought of is not free. Literal paths win over patterns, patterns
count in their order. Letters are the same in either case, as with some servers they are.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from llmcap.providers.parts.shape import Billing, Endpoint, Match
from llmcap.providers.parts.spelling import normal

_ENCODED_SLASH = re.compile(r"%2F|%5C")

# How many paths are remembered, and how long one may be for that.
_REMEMBERED_MAX = 1_024
_REMEMBERED_CHARS_MAX = 200

# From what costs most to what costs nothing; a path that nobody knows is in between.
_DEAREST_FIRST = (
    Billing.METERED, Billing.UNMETERABLE, None, Billing.UPLOAD, Billing.DEFERRED, Billing.FREE
)  # fmt: skip


class Routes:
    """Finds the endpoint of a method and path; it is what `Provider.match` wants."""

    def __init__(self, table: Iterable[tuple[str, str, Endpoint]]) -> None:
        self.table = tuple(table)
        self._literal: dict[tuple[str, str], Endpoint] = {}
        self._patterns: list[tuple[frozenset[str], re.Pattern[str], Endpoint]] = []
        self._indexed = False
        for methods, path, endpoint in self.table:
            free = endpoint.billing is Billing.FREE
            assert methods != "*" or not free, f"{path}: name the methods that are free"

    def _index(self) -> None:
        """Only for who is asked for: there are many vendors, and most are never called."""
        self._indexed = True
        for methods, path, endpoint in self.table:
            if "{}" in path or path.endswith("/**"):
                self._patterns.append((frozenset(methods.split("|")), _compiled(path), endpoint))
                continue
            for method in methods.split("|"):
                self._literal.setdefault((method, path.lower()), endpoint)

    def __call__(self, method: str, path: str) -> Endpoint | None:
        """The endpoint, or None where the table does not know it."""
        if not self._indexed:
            self._index()
        path = normal(path)
        method = "GET" if method == "HEAD" else method
        folded = path.lower()
        found = self._literal.get((method, folded)) or self._literal.get(("*", folded))
        if found is not None:
            return found
        for methods, pattern, endpoint in self._patterns:
            if (method in methods or "*" in methods) and pattern.fullmatch(path):
                return endpoint
        return None


def routes_to(endpoint: Endpoint, methods: str, *paths: str) -> list[tuple[str, str, Endpoint]]:
    """Several paths that lead to one endpoint."""
    return [(methods, path, endpoint) for path in paths]


def found_by(match: Match, method: str, path: str) -> Endpoint | None:
    """
    The endpoint of a path, by whichever reading of it costs most.

    Some servers take an encoded slash for one that separates, and others for a part of a name. Most
    calls have a path that the last ones had.
    """
    find = _found_by if len(path) <= _REMEMBERED_CHARS_MAX else _found_by.__wrapped__
    return find(match, method, path)


@lru_cache(_REMEMBERED_MAX)
def _found_by(match: Match, method: str, path: str) -> Endpoint | None:
    path = normal(path)
    found = match(method, path)
    if _ENCODED_SLASH.search(path):
        found = dearer(found, match(method, normal(_ENCODED_SLASH.sub("/", path))))
    return found


def dearer(one: Endpoint | None, other: Endpoint | None) -> Endpoint | None:
    """Which of two readings of a request is taken: the one that costs more."""
    return min(one, other, key=_rank)


def _rank(endpoint: Endpoint | None) -> int:
    return _DEAREST_FIRST.index(endpoint.billing if endpoint else None)


def _compiled(path: str) -> re.Pattern[str]:
    stem = path.removesuffix("/**")
    pattern = re.escape(stem).replace(re.escape("{}"), "[^/]+")
    return re.compile(pattern + "(/.*)?" if stem != path else pattern, re.IGNORECASE)
