"""What is broken in which case, and when. A step happens when so much of the cap was spent."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adversary.fleet.desk import NodeFailed
from adversary.fleet.relay import Way

if TYPE_CHECKING:
    from adversary.fleet.drive import Drive

# What a call of these clients costs, about: most are short, and limited to some 400 tokens.
CALL_NANOS = 100_000

Step = Callable[["Drive"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FleetCase:
    """One scenario. `steps` are what happens at which percentage of the cap."""

    name: str
    nodes: int
    worth: int  # the cap, in calls
    clients: int = 32  # of each node
    skewed: bool = False  # every second node has a tenth of the clients
    steps: tuple[tuple[int, Step], ...] = ()
    ahead_seconds: tuple[int, ...] = ()  # of the nodes' clocks, the others' are right
    every: str = "once"
    standby: bool = False  # PostgreSQL has a synchronous one
    exact: bool = True  # no node dies: the ledgers are the bill, to the nano-dollar
    wait: str = "10s"  # how long a call waits for money
    seconds_max: float = 600

    @property
    def cap_nanos(self) -> int:
        """The cap."""
        return self.worth * CALL_NANOS

    def config(self, treasury: str) -> str:
        """What a node reads."""
        dollars = f"{self.cap_nanos // 10**9}.{self.cap_nanos % 10**9:09}"
        budgets = f'budgets: [{{name: all, cap: "${dollars}", every: {self.every}}}]\n'
        return f"{budgets}treasury: {treasury}\nwait: {self.wait}\n"

    def clients_of(self, number: int) -> int:
        """Of the node with this number, from 0."""
        return max(self.clients // 10, 1) if self.skewed and number % 2 else self.clients


# --- steps ----------------------------------------------------------------------------------


def kill_node(number: int, *, back: bool) -> Step:
    """`kill -9`; `back`: it starts again at once, else when the others have spent what they can."""

    async def step(drive: "Drive") -> None:
        node = drive.fleet.nodes[number]
        await node.kill()
        if back:
            await node.start()
        else:
            drive.later(node.start)

    return step


async def kill_postgres(drive: "Drive") -> None:
    """`kill -9` of the server, which is gone for a moment."""
    await asyncio.to_thread(drive.vault.server.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(drive.vault.server.start)


async def fail_over(drive: "Drive") -> None:
    """The primary dies, and its standby takes its place."""
    assert drive.standby is not None
    await asyncio.to_thread(drive.vault.server.kill)
    await asyncio.to_thread(drive.standby.promote)
    drive.vault.server = drive.standby


def cut(number: int, *ways: Way, seconds: float, lose: bool) -> Step:
    """A partition between one node and the treasury, longer than the others' money may last."""

    async def step(drive: "Drive") -> None:
        node = drive.fleet.nodes[number]
        assert node.relay is not None
        relay = node.relay

        async def mend() -> None:
            await asyncio.sleep(seconds)
            relay.mend(lose=lose)
            node.reachable = True

        relay.cut(*ways)
        node.reachable = False
        mended = asyncio.create_task(mend())
        drive.later(lambda: mended)

    return step


def lower(percent: int) -> Step:
    """The cap is lowered while all spend, by the command for that."""

    async def step(drive: "Drive") -> None:
        await drive.lower_cap(drive.case.cap_nanos * percent // 100)

    return step


def copy(number: int) -> Step:
    """A backup of a node's ledger is made."""

    async def step(drive: "Drive") -> None:
        node = drive.fleet.nodes[number]
        node.copy_ledger(node.folder / "backup" / node.ledger.name)

    return step


def restore(number: int) -> Step:
    """
    The node dies, and the backup takes the place of its file: it must not go on.

    Its newest file is found later, and the node is retired with it.
    """

    async def step(drive: "Drive") -> None:
        node = drive.fleet.nodes[number]
        await node.kill()
        newest = node.restore(node.folder / "backup" / node.ledger.name)
        try:
            await node.start()
        except NodeFailed as failed:
            if "old copy" not in str(failed):
                drive.faults.append(f"of an old copy {node.name} said: {failed}")
        else:
            drive.faults.append(f"{node.name} went on with an old copy of its ledger")
            await node.kill()
        for each in node.folder.glob("ledger.*"):
            each.unlink()
        for each in newest.parent.glob("ledger.*"):
            shutil.move(each, node.folder)
        drive.later(lambda: drive.retire(node))

    return step


def twin(number: int) -> Step:
    """A second proxy starts on a copy of a running node's ledger: one of the two must stop."""

    async def step(drive: "Drive") -> None:
        node = drive.fleet.nodes[number]
        other = drive.new_node(f"{node.name}-twin", clients=0)
        node.copy_ledger(other.ledger)
        try:
            await other.start()
        except NodeFailed as failed:
            if "another proxy is this node" not in str(failed) and "old copy" not in str(failed):
                drive.faults.append(f"of a second one {other.name} said: {failed}")
        else:
            drive.faults.append(f"{other.name} serves beside {node.name}")
            await other.kill()

    return step


# --- profiles -------------------------------------------------------------------------------


def short() -> list[FleetCase]:
    """A few seconds: two nodes and a server, each of which dies once."""
    return [
        FleetCase(
            "2 nodes, both and PostgreSQL killed", nodes=2, worth=400, clients=8, wait="3s",
            steps=(
                (25, kill_node(0, back=True)), (45, kill_postgres), (65, kill_node(1, back=True)),
            ),
            exact=False,
        ),
    ]  # fmt: skip


def long() -> list[FleetCase]:
    """All kinds, at three sizes of the cap."""
    return [
        *(
            FleetCase(
                f"{nodes} nodes, {worth:,} calls" + (", 1:10" if skewed else ""),
                nodes=nodes, worth=worth, skewed=skewed,
            )
            for worth in (100, 1_000, 10_000)
            for nodes, skewed in ((1, False), (2, False), (4, False), (8, False), (4, True))
        ),
        *(
            case
            for worth in (1_000, 10_000)
            for case in (
                FleetCase(
                    f"node killed, back at once, {worth:,}", nodes=4, worth=worth,
                    steps=tuple(
                        (percent, kill_node(number, back=True))
                        for number, percent in enumerate((20, 45, 70))
                    ),
                    exact=False,
                ),
                FleetCase(
                    f"node killed, back at the end, {worth:,}", nodes=4, worth=worth,
                    steps=((50, kill_node(1, back=False)),), exact=False,
                ),
                FleetCase(
                    f"PostgreSQL killed, {worth:,}", nodes=4, worth=worth,
                    steps=((30, kill_postgres), (60, kill_postgres)),
                ),
                FleetCase(
                    f"fail-over to the standby, {worth:,}", nodes=4, worth=worth,
                    steps=((40, fail_over),), standby=True,
                ),
                *(
                    FleetCase(
                        f"30 s cut {way}, {'lost' if lose else 'late'}, {worth:,}", nodes=3,
                        worth=worth, steps=((30, cut(0, way, seconds=30, lose=lose)),),
                    )
                    for way in Way
                    for lose in (False, True)
                ),
                FleetCase(
                    f"cap lowered to 60 %, {worth:,}", nodes=4, worth=worth,
                    steps=((40, lower(60)),),
                ),
                FleetCase(
                    f"old copy restored, {worth:,}", nodes=3, worth=worth,
                    steps=((20, copy(0)), (50, restore(0))), exact=False,
                ),
                FleetCase(
                    f"two with one identity, {worth:,}", nodes=2, worth=worth,
                    steps=((40, twin(0)),),
                ),
            )
        ),
        FleetCase(
            "clocks an hour off, 1,000", nodes=3, worth=1_000, every="hour",
            ahead_seconds=(3_600, -3_600),
        ),
    ]  # fmt: skip


FLEETS: dict[str, Callable[[], list[FleetCase]]] = {"ci": short, "fleet": long}
