"""Connections that go round the proxy, from a `/proc` of the test and from the real one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from llmcap.checkup import bypass
from llmcap.checkup.bypass import Direct

# As Linux prints them on a little-endian machine: 104.18.7.192:443 open, the same being opened,
# loopback, another port, a closed one; and an IPv6 address with an IPv4 one in it.
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr retrnsmt uid timeout inode
   0: 0100007F:A1B2 C0071268:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 101 1
   1: 0100007F:A1B3 C0071268:01BB 02 00000000:00000000 00:00000000 00000000  1000        0 102 1
   2: 0100007F:A1B4 0100007F:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 103 1
   3: 0100007F:A1B5 C0071268:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 104 1
   4: 0100007F:A1B6 C0071268:01BB 06 00000000:00000000 00:00000000 00000000  1000        0 105 1
"""
TCP6 = """  sl  local_address remote_address st
0: 00000000000000000000000001000000:A1B2 0000000000000000FFFF0000C0071268:01BB 01 0 0 0 0 0 106 1
"""

little_endian = pytest.mark.skipif(
    sys.byteorder != "little", reason="the text is of such a machine"
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Process 7, `node`, with every socket; process 8 with none."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    (tmp_path / "net" / "tcp6").write_text(TCP6)
    for pid, inodes in (("7", range(101, 107)), ("8", ())):
        folder = tmp_path / pid / "fd"
        folder.mkdir(parents=True)
        (tmp_path / pid / "comm").write_text("node\n")
        (tmp_path / pid / "stat").write_text(f"{pid} (a) b) S 1 7 4242 0 -1")
        for number, inode in enumerate(inodes):
            (folder / str(number)).symlink_to(f"socket:[{inode}]")
    return tmp_path


@little_endian
def test_only_open_connections_to_https_elsewhere_count(proc: Path) -> None:
    """Also those that are being opened; neither this machine nor another port."""
    found = list(bypass.connections([7, 8, 9], proc=proc))
    assert found == [Direct(7, "node", "104.18.7.192")] * 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_processes_are_found_by_their_session(proc: Path) -> None:
    """Whatever stands in their name."""
    assert sorted(bypass.processes(bypass.in_session(4242, proc=proc), proc=proc)) == [7, 8]
    assert list(bypass.processes(bypass.in_session(1, proc=proc), proc=proc)) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_grandchildren_are_of_the_session() -> None:
    """A command is looked after with all that it starts."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 20 & echo $!; wait"], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        found = set(bypass.processes(bypass.in_session(process.pid)))
        os.killpg(process.pid, 9)
    assert {process.pid, grandchild} <= found


def test_hosts_are_resolved_and_patterns_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that does not exist is left out."""

    def resolve(host: str, port: int) -> list[tuple[object, ...]]:
        if host == "gone.example":
            raise socket.gaierror
        return [(2, 1, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    hosts = ["api.example", "*.api.example", "gone.example"]
    assert bypass.addresses(hosts) == {"192.0.2.1": "api.example"}
