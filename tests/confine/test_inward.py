"""The counters of a network, and what they mean."""

from pathlib import Path

from llmcap.confine.inward import counted

SNMP = """\
Ip: Forwarding DefaultTTL InReceives OutNoRoutes
Ip: 2 64 6 2
Icmp: InMsgs InErrors
Icmp: 3 1
Udp: InDatagrams NoPorts InErrors
Udp: 5 4 9
UdpLite: InDatagrams NoPorts InErrors
UdpLite: 0 7 0
"""


def test_what_went_nowhere_is_counted() -> None:
    """No route, and nobody there; nothing else of some eighty figures."""
    assert counted(SNMP) == 2 + 4
    assert counted("Ip6OutNoRoutes   \t3\nUdp6NoPorts \t1\nIp6InNoRoutes \t9\n") == 4


def test_this_kernels_own_files_can_be_read() -> None:
    """Their form is the kernel's; both have all that is looked for."""
    for name in ("snmp", "snmp6"):
        text = Path(f"/proc/self/net/{name}").read_text(encoding="ascii")
        assert "NoRoutes" in text
        assert counted(text) >= 0
