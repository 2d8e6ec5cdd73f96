"""What is open inside of a confined command's network, as its helper handed it out."""

import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

# Attempts that ended at once: no route to the address, or nobody there for a datagram. A connection
# that is refused is not counted: programs try ports of their own machine all the time.
_COUNTED = {"Ip": {"OutNoRoutes"}, "Udp": {"NoPorts"}}
_COUNTED_6 = {"Ip6OutNoRoutes", "Udp6NoPorts"}

COUNTERS_BYTES_MAX = 65_536

# How many open files another process is given at once: SCM_MAX_FD of the kernel; three of them are
# the resolver and the counters.
FILES_MAX = 253
LISTENERS_MAX = FILES_MAX - 3


@dataclass(frozen=True, slots=True)
class Inward:
    """Sockets that listen inside, and the network's own counters. Closing them ends the way out."""

    listeners: Sequence[socket.socket]
    resolver: socket.socket
    counters: Sequence[int]  # descriptors of snmp, and snmp6 where it is

    @classmethod
    def of(cls, names: Sequence[str], descriptors: Sequence[int]) -> "Inward":
        """From the helper's message."""
        found = dict.fromkeys(names, -1)
        listeners = []
        for name, descriptor in zip(names, descriptors, strict=True):
            found[name] = descriptor
            if name == "listener":
                listeners.append(socket.socket(fileno=descriptor))
        counters = [found[name] for name in ("snmp", "snmp6") if name in found]
        return cls(listeners, socket.socket(fileno=found["resolver"]), counters)

    def handed(self) -> tuple[list[str], list[int]]:
        """What `of` takes, for another process."""
        listeners = [each.fileno() for each in self.listeners]
        names = [
            *["listener"] * len(listeners),
            "resolver",
            *("snmp", "snmp6")[: len(self.counters)],
        ]
        return names, [*listeners, self.resolver.fileno(), *self.counters]

    def attempts(self) -> int:
        """How often something was sent to where nothing leads; the kernel may count one twice."""
        total = 0
        for descriptor in self.counters:
            with contextlib.suppress(OSError, ValueError):
                total += counted(os.pread(descriptor, COUNTERS_BYTES_MAX, 0).decode())
        return total

    def close(self) -> None:
        """All of it; the command has no network from then on."""
        for each in (*self.listeners, self.resolver):
            each.close()
        for descriptor in self.counters:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def counted(text: str) -> int:
    """
    The sum of the counters above in the text of `/proc/net/snmp` or `snmp6`.

    The first has a line of names and one of values for each protocol, the second a name and a value
    a line.
    """
    total = 0
    names: list[str] = []
    for line in text.splitlines():
        words = line.split()
        protocol = words[0].removesuffix(":")
        if protocol == words[0]:
            total += int(words[1]) if words[0] in _COUNTED_6 else 0
        elif names[:1] != words[:1]:
            names = words
        else:
            wanted = _COUNTED.get(protocol, set())
            total += sum(
                int(value) for name, value in zip(names, words, strict=False) if name in wanted
            )
            names = []
    return total
