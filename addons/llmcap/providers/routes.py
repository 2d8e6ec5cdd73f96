"""
A provider's paths as a table of patterns, looked up without walking through it.

A pattern is literal (`/v1/chat/completions`), has `{}` where a segment varies
(`/v1/responses/{}`), or ends in `/**` where anything may follow. The method `*` stands for all of
them. Literal paths win over patterns, patterns count in their order.
"""

import re
from collections.abc import Iterable

from llmcap.providers.shape import Endpoint

_SLASHES = re.compile(r"/{2,}")


class Routes:
    """Finds the endpoint of a method and path; it is what `Provider.match` wants."""

    def __init__(self, table: Iterable[tuple[str, str, Endpoint]]) -> None:
        self.table = tuple(table)
        self._literal: dict[tuple[str, str], Endpoint] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Endpoint]] = []
        for method, path, endpoint in self.table:
            if "{}" in path or path.endswith("/**"):
                self._patterns.append((method, _compiled(path), endpoint))
            else:
                self._literal.setdefault((method, path), endpoint)

    def __call__(self, method: str, path: str) -> Endpoint | None:
        """The endpoint, or None where the table does not know it."""
        path = normal(path)
        found = self._literal.get((method, path)) or self._literal.get(("*", path))
        if found is not None:
            return found
        for known, pattern, endpoint in self._patterns:
            if known in ("*", method) and pattern.fullmatch(path):
                return endpoint
        return None


def normal(path: str) -> str:
    """The path as servers take it: doubled and trailing slashes do not count."""
    return _SLASHES.sub("/", path).rstrip("/") or "/"


def _compiled(path: str) -> re.Pattern[str]:
    stem = path.removesuffix("/**")
    pattern = re.escape(stem).replace(re.escape("{}"), "[^/]+")
    return re.compile(pattern + "(/.*)?" if stem != path else pattern)
