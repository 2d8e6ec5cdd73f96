"""IP addresses as they are compared here, and which of them are this machine's own."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address


def plain(host: str) -> IPv4Address | IPv6Address:
    """
    An address without its zone; an IPv4 one that is written as IPv6 as what it is.

    Raises `ValueError` for a name.
    """
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_local(host: str) -> bool:
    """
    Whether an address is one of this machine's own: loopback, or of any of its interfaces.

    Only to such an address can a socket be bound, which asks no interface for its list.
    """
    try:
        address = plain(host)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    if address.is_unspecified or address.is_multicast:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    zone = "%" + host.partition("%")[2] if "%" in host else ""
    with socket.socket(family, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((f"{address}{zone}", 0))
        except OSError:
            return False
    return True
