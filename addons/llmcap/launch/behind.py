"""
What a proxy of ours needs on disk, made ready: its authority, and the roots that clients trust.

The hosts that it may speak for are those of the provider table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmcap.authority import ca, trust
from llmcap.authority.variables import Trust
from llmcap.launch import environment
from llmcap.providers import hosts
from llmcap.words import paths


@dataclass(frozen=True, slots=True)
class Place:
    """The files of a proxy and its clients."""

    confdir: Path
    trust: Trust
    roots: Path  # what the proxy itself trusts
    hosts: tuple[str, ...]

    def environ(self, environ: Mapping[str, str], *, proxy_url: str) -> dict[str, str]:
        """The environment of a command behind the proxy."""
        return environment.proxied(
            environ, proxy_url=proxy_url, trust=self.trust, provider_hosts=self.hosts
        )

    def variables(self, environ: Mapping[str, str], *, proxy_url: str) -> dict[str, str]:
        """Only what differs from `environ`."""
        return environment.variables(
            environ, proxy_url=proxy_url, trust=self.trust, provider_hosts=self.hosts
        )


def authority_folder(environ: Mapping[str, str]) -> Path:
    """Where the authority is kept."""
    return paths.data_folder(environ) / "ca"


def authority(environ: Mapping[str, str], hosts: Sequence[str] = ()) -> ca.Authority:
    """The authority for the hosts of the provider table, and for these. Raises `ConfigError`."""
    return ca.ensure(authority_folder(environ), (*provider_hosts(), *hosts))


def provider_hosts() -> tuple[str, ...]:
    """Every host and pattern of the provider table, the config's own among them."""
    return hosts()


def provider_domains() -> tuple[str, ...]:
    """What an authority for these hosts may speak for."""
    return ca.domains_of(provider_hosts())


def prepare(environ: Mapping[str, str], hosts: Sequence[str] = ()) -> Place:
    """
    Make or renew what is missing; `hosts` are those that a proxy meters beside the ones known here.

    Raises `ConfigError`.
    """
    signer = authority(environ, hosts)
    folder = paths.data_folder(environ) / "trust"
    return Place(
        confdir=signer.folder,
        trust=trust.prepare(signer.pem, environ=environ, folder=folder),
        roots=trust.roots_file(environ, folder=folder),
        hosts=tuple(dict.fromkeys((*provider_hosts(), *hosts))),
    )
