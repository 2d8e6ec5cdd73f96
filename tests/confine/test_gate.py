"""Promise: what a confined command asks for has an answer of ours. The rest is in tests/e2e."""

import socket
import struct
from collections.abc import Iterator

import pytest

from llmcap.confine.egress import read_egress
from llmcap.confine.gate import Gate
from llmcap.confine.inward import Inward
from llmcap.confine.names import FIRST

EVERYTHING = read_egress(ports=(), reach=(), allow_hosts=(), deny_others=False)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """That of a command which asks by its resolver alone."""
    made = Gate(Inward([], socket.socket(type=socket.SOCK_DGRAM), []), EVERYTHING)
    yield made
    made.close()


def asked(gate: Gate, name: str) -> str:
    """The address of a name, or an empty string."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    answer = gate.answered(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
    assert answer is not None
    return socket.inet_ntoa(answer[-4:]) if answer[7] else ""


def test_the_machine_itself_is_the_commands_own(gate: Gate) -> None:
    """Not the one outside, whatever its file of hosts says."""
    assert asked(gate, "localhost.localdomain") == asked(gate, "x.localhost") == "127.0.0.1"


def test_a_name_for_which_there_is_no_address_left_is_told(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once: otherwise nobody knows why a host is not found."""
    monkeypatch.setattr("llmcap.confine.names.LAST", FIRST)
    assert asked(gate, "api.openai.com") == "198.18.0.2"
    assert asked(gate, "example.com") == asked(gate, "example.org") == ""
    assert asked(gate, "api.openai.com") == "198.18.0.2"
    assert [each.getMessage() for each in caplog.records] == [
        "LLMCap: the command asked for too many names: a new one has no address"
    ]
