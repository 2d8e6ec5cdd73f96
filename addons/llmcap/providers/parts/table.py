"""
Hosts to whose they are: by a name, by a domain, or by a pattern with the region in its middle.

`*.example.com` is every name below that domain; in any other place a `*` stands for one label or a
part of one (`bedrock-runtime.*.amazonaws.com`, `*-aiplatform.googleapis.com`).
"""

import re
from collections.abc import Iterable
from typing import Protocol

_REMEMBERED_MAX = 4_096


class HasHosts(Protocol):
    """Whoever has hosts: exact names or patterns."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Their names."""
        ...


class Table[Owner: HasHosts]:
    """Whose host is whose."""

    def __init__(self, providers: Iterable[Owner]) -> None:
        self._built_in = tuple(providers)
        self.add(())

    def add(self, own: Iterable[Owner]) -> None:
        """Put these before the built-in ones, in place of any that were added before."""
        first = tuple(own)
        self.providers = (*first, *self._built_in)
        self._exact: dict[str, Owner] = {}
        self._domains: dict[str, Owner] = {}
        self._patterns: list[tuple[re.Pattern[str], Owner]] = []
        self._remembered: dict[str, Owner | None] = {}
        claimed: set[str] = set()
        for provider in self._built_in:
            for host in provider.hosts:
                assert host not in claimed, f"two providers claim the host {host}"
                claimed.add(host)
        for provider in self.providers:
            for host in provider.hosts:
                self._add(host.lower(), provider)

    def find(self, host: str) -> Owner | None:
        """The provider of a host: by its name, else a pattern, else the longest known domain."""
        host = host.lower().rstrip(".")
        if host not in self._remembered:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[host] = self._look_up(host)
        return self._remembered[host]

    def _look_up(self, host: str) -> Owner | None:
        if found := self._exact.get(host):
            return found
        for pattern, provider in self._patterns:
            if pattern.fullmatch(host):
                return provider
        domain = host
        while domain:
            _, _, domain = domain.partition(".")
            if found := self._domains.get(domain):
                return found
        return None

    def _add(self, host: str, provider: Owner) -> None:
        domain = host.removeprefix("*.")
        if "*" in domain:
            pattern = re.escape(host).replace(re.escape("*"), "[^.]+")
            self._patterns.append((re.compile(pattern), provider))
            return
        names = self._exact if domain == host else self._domains
        names.setdefault(domain, provider)
