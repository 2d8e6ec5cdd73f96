"""One case over nodes: clients until a refusal stays, what is broken meanwhile, what comes back."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adversary.drive import Gate
from adversary.fleet.cases import FleetCase
from adversary.fleet.desk import Desk, Outcome
from adversary.fleet.nodes import SCRIPTS, Fleet, Node
from adversary.fleet.relay import Relay
from adversary.fleet.vault import Vault
from llmcap.words.money import usd_string
from postgres_server import Cluster, Server

PAUSE_SECONDS = 0.05
LIMIT = 400  # of most calls; some have none
LIMITED_PART = 0.8
SAID_MAX = 5


@dataclass(frozen=True, slots=True)
class Stay:
    """A refusal that stayed. Amounts are nano-dollars."""

    spent: int  # by the nodes that could be reached, as their ledgers have it
    usable: int  # the cap, less what was out to those that could not
    said: str
    where: str  # who has what, as the treasury has it

    @property
    def used(self) -> float:
        """Percent of what could be used."""
        return 100 * self.spent / self.usable if self.usable else 100.0

    @property
    def left(self) -> int:
        """What nobody had spent."""
        return self.usable - self.spent


@dataclass
class Drive:
    """A case, its nodes, and what was seen."""

    case: FleetCase
    folder: Path
    cluster: Cluster
    rng: random.Random
    desk: Desk
    fleet: Fleet = field(default_factory=Fleet)
    standby: Server | None = None
    stays: list[Stay] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    passing: int = 0  # refusals after which the same call was served
    cap_nanos: int = 0  # as it is now
    bill_most: int = 0  # that may be billed: more than the cap, where so much was out when it fell

    def __post_init__(self) -> None:
        self.cap_nanos = self.bill_most = self.case.cap_nanos
        self._gate = Gate()
        self._over = asyncio.Event()
        self._later: list[Callable[[], Awaitable[None]]] = []
        self._steps_done = not self.case.steps
        self._relays: list[Relay] = []
        self._url = ""
        self.vault: Vault

    # --- life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the start of the server to the end of the last node."""
        await self._open_treasury(self.cluster)
        watch = asyncio.create_task(self.vault.watch())
        try:
            await self._start_nodes()
            await self._fight()
            await self.fleet.stop()
        finally:
            for node in self.fleet.nodes:
                if node.process is not None and node.process.returncode is None:
                    node.process.kill()
                    await node.process.wait()
            watch.cancel()
            for relay in self._relays:
                await relay.stop()

    async def _open_treasury(self, cluster: Cluster) -> None:
        server = await asyncio.to_thread(cluster.server)
        self._url = await asyncio.to_thread(server.new_database)
        self.vault = Vault(server, self._url.rpartition("/")[2])
        if self.case.standby:
            self.standby = await asyncio.to_thread(cluster.standby, server)

    async def _start_nodes(self) -> None:
        for number in range(self.case.nodes):
            ahead = [*self.case.ahead_seconds, *[0] * self.case.nodes][number]
            node = self.new_node(
                f"node-{number}", clients=self.case.clients_of(number), ahead_seconds=ahead
            )
            self.fleet.nodes.append(node)
            if node.relay is not None:
                await node.relay.start()
                node.config = self._config(node.relay)
        # The first brings the budgets and the tables.
        await self.fleet.nodes[0].start()
        for node in self.fleet.nodes[1:]:
            await node.start()

    def new_node(self, name: str, *, clients: int, ahead_seconds: int = 0) -> Node:
        """A node with files of its own and a way of its own to the treasury."""
        relay = None
        if not self.case.standby:
            relay = Relay(self.vault.server.port)
            self._relays.append(relay)
        config = self._config(None)
        folder = self.folder / name
        return Node(name, folder, self.desk, relay, config, clients, ahead_seconds=ahead_seconds)

    def _config(self, relay: Relay | None) -> str:
        url = self._url
        if self.standby is not None:
            address = self.vault.server.address
            url = url.replace(address, f"{address},{self.standby.address}")
            url += "?target_session_attrs=read-write"
        if relay is not None and relay.port:
            url = url.replace(str(relay.target), str(relay.port))
        return self.case.config(url)

    # --- the fight ----------------------------------------------------------------------------

    async def _fight(self) -> None:
        steps = asyncio.create_task(self._step())
        timer = asyncio.get_running_loop().call_later(self.case.seconds_max, self._run_out)
        try:
            async with asyncio.TaskGroup() as group:
                for node in self.fleet.nodes:
                    for number in range(node.clients):
                        group.create_task(self._client(node, number))
        finally:
            timer.cancel()
            self._over.set()
            await steps

    def _run_out(self) -> None:
        self.faults.append(f"no refusal stayed within {self.case.seconds_max:.0f} s")
        self._over.set()

    async def _client(self, node: Node, number: int) -> None:
        rng = random.Random(f"{self.rng.random()}/{node.name}/{number}")
        while not self._over.is_set():
            if node.link is None:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            limit = LIMIT if rng.random() < LIMITED_PART else None
            async with self._gate.shared():
                if self._over.is_set():
                    return
                outcome = await node.call(limit)
            self._count(outcome)
            if outcome.fate in ("refused", "failed"):
                if node.reachable and self._steps_done:
                    await self._insist(node, limit)
                else:
                    await asyncio.sleep(PAUSE_SECONDS * 4)
            elif outcome.fate == "broken":
                await asyncio.sleep(PAUSE_SECONDS)

    def _count(self, outcome: Outcome) -> None:
        self.fates[outcome.fate] += 1
        if outcome.fate == "failed" and len(self.said) < SAID_MAX:
            self.said.append(outcome.said)

    async def _insist(self, node: Node, limit: int | None) -> None:
        """The same call again, alone: refused once more, the refusal stays."""
        async with self._gate.alone():
            if self._over.is_set() or not node.reachable:
                return
            outcome = await node.call(limit)
            self._count(outcome)
            if outcome.fate == "served":
                self.passing += 1
            elif outcome.fate == "refused":
                self.stays.append(await self._stay(outcome.said))
                if not self._later:
                    self._over.set()
                for step in self._later:
                    await step()
                self._later.clear()

    async def _stay(self, said: str) -> Stay:
        out = 0
        if away := self.fleet.away:
            ids = [node.id() for node in away]
            out = await asyncio.to_thread(self.vault.out_to, ids)
        spent = sum(node.used_nanos() for node in self.fleet.reached)
        where = await asyncio.to_thread(self.vault.where)
        return Stay(spent, self.cap_nanos - out, said, where)

    async def _step(self) -> None:
        """Break what the case breaks, each when so much was spent."""
        for percent, step in self.case.steps:
            while self._spent() * 100 < self.case.cap_nanos * percent:
                if self._over.is_set():
                    self.faults.append(f"the cap was used up before {percent} % were spent")
                    return
                await asyncio.sleep(PAUSE_SECONDS / 5)
            await step(self)
        self._steps_done = True

    def _spent(self) -> int:
        """What was billed, or is taken for it: of a killed node's calls the most they can be."""
        return max(self.desk.billed, sum(node.used_nanos() for node in self.fleet.nodes))

    def later(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do this when the others have spent what they can."""
        self._later.append(step)

    # --- what people do -----------------------------------------------------------------------

    async def retire(self, node: Node) -> None:
        """The machine of a node is gone, its disk is here."""
        config = node.folder / "llmcap.yaml"
        await self.command(
            "fleet",
            "retire",
            node.id(),
            "--yes",
            "--ledger",
            str(node.ledger),
            "--config",
            str(config),
        )
        node.retired = True
        node.retired_at = await asyncio.to_thread(self.vault.told_of, node.id())
        if node.retired_at < node.billed:
            self.faults.append(f"{node.name} was retired with less than was billed for its calls")

    async def lower_cap(self, nanos: int) -> None:
        """Change the cap of the fleet; what is out at that moment may still be spent."""
        before = await asyncio.to_thread(self.vault.out) or 0
        config = self.fleet.nodes[0].folder / "llmcap.yaml"
        await self.command("budget", "set", "all", usd_string(nanos), "--config", str(config))
        after = await asyncio.to_thread(self.vault.out) or 0
        self.cap_nanos, self.bill_most = nanos, max(nanos, before, after)

    async def command(self, *words: str) -> None:
        """`llmcap`, as a person types it; a failure is a fault."""
        await asyncio.to_thread(self._command, words)

    def _command(self, words: Sequence[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "llmcap.cli", *words],
            env={"PYTHONPATH": str(SCRIPTS.parent / "addons"), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.faults.append(f"llmcap {' '.join(words)}: {done.stderr.strip()}")
