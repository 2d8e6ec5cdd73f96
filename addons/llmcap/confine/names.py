"""
The names that a confined command asks for, and the addresses that it believes them to have.

Each name gets an address of a network that is never routed (RFC 2544), one that nobody had before:
what dials it later has asked for that name, and no other. When all are given away, a name more is
not found.
"""

import re
from ipaddress import IPv4Address, IPv4Network

NETWORK = IPv4Network("198.18.0.0/15")

# The first is the interface's own; the last would be a broadcast.
FIRST, LAST = int(NETWORK.network_address) + 2, int(NETWORK.broadcast_address) - 1

NAME_CHARACTERS_MAX = 253
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")

# A last label by which a whole name is an address, to the resolvers outside as to a URL: see "ends
# in a number" of https://url.spec.whatwg.org/#ends-in-a-number-checker, and inet_aton(3).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# What the files of hosts call the machine itself.
_OWN = {"localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"}


def is_own(name: str) -> bool:
    """Whether a plain name is that of whoever asks: `localhost` and its like (RFC 6761)."""
    return name == "localhost" or name.endswith(".localhost") or name in _OWN


def plain_name(name: str) -> str:
    """A name as hosts are known here; empty where it can be no host's."""
    name = name.lower().rstrip(".")
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.fullmatch(name):
        return ""
    # What reads as an address is none's name: nothing may be reached by number in this way.
    return "" if _NUMBER.fullmatch(name.rpartition(".")[2]) else name


class Names:
    """The book of one confined command."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def address_of(self, name: str) -> str | None:
        """The address of a plain name, a new one where it has none; None when there are no more."""
        address = self._addresses.get(name)
        if address is None:
            number = FIRST + len(self._addresses)
            if number > LAST:
                return None
            address = str(IPv4Address(number))
            self._addresses[name] = address
            self._names[address] = name
        return address

    def name_of(self, address: str) -> str | None:
        """Whose address this is, if it was told to anybody."""
        return self._names.get(address)
