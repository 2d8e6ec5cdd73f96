"""Promise: a child is told its whole plan, however long it is and whatever a name is made of."""

import os
import socket

from llmcap.confine.plan import Plan, receive, send

RESOLVER = ("127.0.0.1", 53)


def told(plan: Plan) -> Plan | None:
    """What arrives at the other end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        send(ours, plan)
        return receive(theirs)


def test_a_plan_arrives_as_it_was() -> None:
    """With pairs where the kernel wants pairs, and bytes that are no text in names."""
    plan = Plan(
        networks=[("198.18.0.1", "255.254.0.0")], listen=[("0.0.0.0", 443), ("::1", 5432)],
        resolver=RESOLVER, mounts=[("/a", "/b\udcff")], join=7, files=(1024, 4096),
        environ={"A": "b=c", "\udcfe": "ü\n"}, command=["sh", "-c", "\udcff"], parent=42,
    )  # fmt: skip
    arrived = told(plan)
    assert arrived is not None
    assert vars(arrived) == vars(plan)


def test_a_command_line_longer_than_any_message_arrives() -> None:
    """The kernel takes megabytes of them, and of no message that many."""
    command = ["echo", "x" * 5_000_000]
    arrived = told(Plan(networks=[], listen=[], resolver=RESOLVER, command=command))
    assert arrived is not None
    assert arrived.command == command


def test_an_open_file_arrives_as_one() -> None:
    """Under a number of its own, and not for whoever is executed then."""
    read, write = socket.socketpair()
    with read, write:
        arrived = told(Plan(networks=[], listen=[], resolver=RESOLVER, apart=write.fileno()))
        assert arrived is not None
        assert arrived.apart is not None
        assert not os.get_inheritable(arrived.apart)
        with socket.socket(fileno=arrived.apart) as file:
            file.send(b"x")
        assert read.recv(9) == b"x"


def test_where_nobody_tells_one_there_is_none() -> None:
    """The parent changed its mind, or is gone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs:
        assert receive(theirs) is None
