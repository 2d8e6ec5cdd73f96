"""Node processes: started, killed, restored from an old copy, stopped; and their books."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
from asyncio.subprocess import Process
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adversary.fleet.desk import Desk, Link, NodeFailed, Outcome
from adversary.fleet.relay import Relay
from llmcap.ledger import open_ledger

SCRIPTS = Path(__file__).resolve().parents[2]
STOP_SECONDS = 60  # ends what hangs


@dataclass
class Node:
    """One node: its files, its way to the treasury, and the process that is it now."""

    name: str
    folder: Path
    desk: Desk
    relay: Relay | None
    config: str
    clients: int
    ahead_seconds: int = 0
    link: Link | None = None
    process: Process | None = None
    reachable: bool = True  # as far as the case knows
    retired: bool = False
    retired_at: int = 0  # what the treasury then took for spent
    deaths: int = 0
    unaccounted: int = 0  # what was billed when it died, and is not in its file
    billed_before: int = 0  # by the provider, in lives that have ended

    @property
    def billed(self) -> int:
        """What the provider has billed for calls of this node."""
        return self.billed_before + (self.link.billed if self.link else 0)

    def id(self) -> str:
        """What the treasury calls it."""
        return str(self._query("SELECT id FROM node")[0][0])

    @property
    def ledger(self) -> Path:
        """Its file."""
        return self.folder / "ledger.sqlite3"

    @property
    def log(self) -> Path:
        """What its processes printed."""
        return self.folder / "node.log"

    async def start(self) -> None:
        """Start it; raises `NodeFailed` with what it said where it does not serve."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "llmcap.yaml"
        config.write_text(self.config, encoding="utf-8")
        words = ["--config", str(config), "--ledger", str(self.ledger)]
        words += ["--port", str(self.desk.port), "--ahead", str(self.ahead_seconds)]
        expected = self.desk.next_link()
        path = os.pathsep.join([str(SCRIPTS), str(SCRIPTS.parent / "addons")])
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "adversary.fleet.node", *words,
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        ended = asyncio.create_task(self.process.wait())
        first: list[asyncio.Future[Any]] = [ended, expected]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not expected.done():
            self.desk.forget(expected)
            raise NodeFailed(f"it ended at its start:\n{self.said()}")
        ended.cancel()
        self.link = await expected
        self.reachable = True

    async def call(self, limit: int | None) -> Outcome:
        """One call by one of its clients."""
        if self.link is None:
            return Outcome("broken", "")
        return await self.desk.call(self.link, limit)

    async def kill(self) -> None:
        """`kill -9`."""
        self.reachable = False
        self.deaths += 1
        process = self.process
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await self._gone()
        self.unaccounted = self.billed - self.spent_or_held()

    async def _gone(self) -> None:
        """Its connection has been read to its end: what it asked last was billed."""
        if self.link is not None:
            await self.link.closed.wait()
            self.billed_before += self.link.billed
            self.link = None

    async def stop(self) -> None:
        """Let it end in order."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        if self.link is not None:
            self.link.say(stop=True)
        else:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            raise
        await self._gone()

    # --- its file -----------------------------------------------------------------------------

    def copy_ledger(self, to: Path) -> None:
        """A copy of the file as it is now, as a backup makes it."""
        to.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.ledger)) as source, closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
        secret = self.ledger.with_suffix(".fingerprint-key")
        if secret.exists():
            shutil.copy(secret, to.with_suffix(".fingerprint-key"))

    def restore(self, copy: Path) -> Path:
        """Put a copy in the place of its file, which is kept beside; the process must be gone."""
        newest = self.folder / "newest" / self.ledger.name
        newest.parent.mkdir()
        for each in self.folder.glob("ledger.*"):
            shutil.move(each, newest.parent)
        shutil.copy(copy, self.ledger)
        secret = copy.with_suffix(".fingerprint-key")
        if secret.exists():
            shutil.copy(secret, self.ledger.with_suffix(".fingerprint-key"))
        return newest

    def spent_nanos(self) -> int:
        """What its ledger says was spent."""
        return int(self._query("SELECT coalesce(sum(cost_nanos), 0) FROM entries")[0][0])

    def spent_or_held(self) -> int:
        """The same with what calls in flight may cost."""
        return int(self._query("SELECT coalesce(sum(spent + held), 0) FROM balances")[0][0])

    def used_nanos(self) -> int:
        """What it has of the cap for good: of a node that was retired, as the treasury says."""
        return self.retired_at if self.retired else self.spent_nanos()

    def open_holds(self) -> int:
        """Its calls in flight."""
        return int(self._query("SELECT count(*) FROM open_holds")[0][0])

    def damage(self) -> list[str]:
        """What the ledger's own audit finds; the process must have ended."""
        ledger = open_ledger(self.ledger)
        try:
            return ledger.audit()
        finally:
            ledger.close()

    def said(self) -> str:
        """What it printed."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()


@dataclass
class Fleet:
    """All nodes of a case."""

    nodes: list[Node] = field(default_factory=list)

    @property
    def away(self) -> list[Node]:
        """Those that have something, and that nobody can ask."""
        return [
            node
            for node in self.nodes
            if not node.retired and (node.link is None or not node.reachable)
        ]

    @property
    def reached(self) -> list[Node]:
        """All others."""
        away = self.away
        return [node for node in self.nodes if node not in away]

    async def stop(self) -> None:
        """End all."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
