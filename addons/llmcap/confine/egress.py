"""Where a confined command may go: everywhere, or to model providers and what was named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network

from llmcap.confine.inward import LISTENERS_MAX
from llmcap.confine.names import NETWORK
from llmcap.providers import provider_of
from llmcap.words.errors import ConfigError

# The ports that lead out: of the web, and SSH's. A port below 1024 cannot be wanted by a program
# itself, unless it is root's.
PORTS = (22, 80, 443)

# A proxy's own page; it answers itself.
OWN_NAME = "llmcap.internal"

_GLOB = re.compile(r"[a-z0-9_.*?-]+")


@dataclass(frozen=True, slots=True)
class Egress:
    """The rules of one command. `networks` may be dialled by number, as no name leads there."""

    ports: tuple[int, ...] = PORTS
    reach: tuple[int, ...] = ()  # ports of the loopback outside
    globs: tuple[str, ...] = ()
    networks: tuple[IPv4Network, ...] = field(default=())
    deny_others: bool = False

    def allows(self, name: str) -> bool:
        """Whether a plain name may be connected to. Providers' always may: they are metered."""
        if not self.deny_others or name == OWN_NAME or provider_of(name):
            return True
        return any(fnmatchcase(name, glob) for glob in self.globs)

    def allows_address(self, address: str) -> bool:
        """Whether an address may be, that was dialled by number."""
        return any(IPv4Address(address) in network for network in self.networks)


def read_egress(
    *, ports: Sequence[int], reach: Sequence[int], allow_hosts: Sequence[str], deny_others: bool
) -> Egress:
    """From what the user wrote. Raises `ConfigError`."""
    globs: list[str] = []
    networks: list[IPv4Network] = []
    for text in allow_hosts:
        wanted = text.strip().lower().rstrip(".")
        network = _network(wanted)
        if network is not None:
            networks.append(network)
        elif _GLOB.fullmatch(wanted):
            globs.append(wanted)
        else:
            raise ConfigError(
                f"--allow-host {text}: it is neither a host, such as pypi.org or *.example.com, "
                "nor an IPv4 address or network, such as 10.0.0.0/8"
            )
    if len(ports) + 2 * len(reach) > LISTENERS_MAX:
        raise ConfigError(
            f"--port, --reach: {len(ports)} and {len(reach)} ports are too many: a command has at "
            f"most {LISTENERS_MAX} listeners, one for each --port and two for each --reach"
        )
    if globs and not deny_others:
        raise ConfigError(
            f"--allow-host {globs[0]}: every host may be reached by its name anyway\n"
            "hint: add --deny-other-hosts to allow these hosts alone"
        )
    return Egress(
        ports=tuple(dict.fromkeys(ports or PORTS)), reach=tuple(dict.fromkeys(reach)),
        globs=tuple(globs), networks=tuple(networks), deny_others=deny_others,
    )  # fmt: skip


def _network(text: str) -> IPv4Network | None:
    try:
        network = IPv4Network(text)
    except ValueError:
        return None
    for taken in (NETWORK, IPv4Network("127.0.0.0/8")):
        if network.overlaps(taken):
            raise ConfigError(
                f"--allow-host {text}: {taken} leads to the command's own network\n"
                "hint: --reach PORT lets a port of this machine through"
            )
    return network
