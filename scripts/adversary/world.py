"""
The provider, the proxies under test, and the two books that must agree.

The provider runs in this process, so that its bill can be read at any instant; the proxies are real
mitmdump processes, one or several, on one ledger.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_provider.app import FakeProvider
from fake_provider.bill import Record
from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle, proxy_process
from llmcap.ledger import open_ledger

SETTLE_SECONDS = 30  # ends what hangs, and what waits for an answer that nobody fetches
POLL_SECONDS = 0.01
MICROS = 1_000_000

# What a proxy must never print.
TROUBLE = re.compile(r"has crashed|Addon error|never retrieved|LLMCap failed|cannot meter|overrun")

# Response ids of the fake provider end with the number of the record that they belong to.
_NUMBER = re.compile(r"(\d+)$")


@dataclass
class Proxies:
    """
    Real mitmdumps with LLMCap; any of them can be killed and started again.

    They share one ledger, or each has its own where they are nodes of a treasury.
    """

    folder: Path
    provider: ProviderHandle
    confdir: Path
    config: str
    count: int = 1
    are_nodes: bool = False
    handles: list[ProxyHandle] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)  # of the lives that have ended
    _lives: list[ExitStack] = field(default_factory=list)

    @property
    def ledgers(self) -> list[Path]:
        """The file that they share, or those of all."""
        if not self.are_nodes:
            return [self.folder / "ledger.sqlite3"]
        return [self._folder(index) / "ledger.sqlite3" for index in range(self.count)]

    def _folder(self, index: int) -> Path:
        return self.folder / f"proxy-{index}"

    def port(self, index: int) -> int:
        """Where a proxy listens in its present life."""
        return self.handles[index % self.count].port

    async def start(self) -> None:
        """Start all of them."""
        for index in range(self.count):
            life, handle = await asyncio.to_thread(self._begin, index)
            self._lives.append(life)
            self.handles.append(handle)

    async def end(self, index: int, *, kill: bool) -> None:
        """End one: SIGKILL, or SIGTERM and a wait for its own end."""
        await asyncio.to_thread(self._end, index, kill=kill)

    async def restart(self, index: int) -> None:
        """Start one again after its end, on another port."""
        self._lives[index], self.handles[index] = await asyncio.to_thread(self._begin, index)

    async def stop(self) -> None:
        """End all of them in order."""
        for index in range(len(self.handles)):
            await self.end(index, kill=False)

    def _begin(self, index: int) -> tuple[ExitStack, ProxyHandle]:
        life = ExitStack()
        folder = self._folder(index)
        if not folder.exists():
            # One authority for all: to make one takes longer than many a case.
            folder.mkdir()
            (folder / "confdir").symlink_to(self.confdir, target_is_directory=True)
        process = proxy_process(
            folder,
            self.provider,
            config=self.config,
            ledger=self.ledgers[index if self.are_nodes else 0],
            options=["--set", "flow_detail=0"],
            warm=True,
        )
        return life, life.enter_context(process)

    def _end(self, index: int, *, kill: bool) -> None:
        handle = self.handles[index]
        if kill:
            handle.process.kill()
            handle.process.wait()
        self._lives[index].close()
        self.logs.append(handle.log())

    def trouble(self) -> list[str]:
        """What the ended lives' logs have that a healthy proxy does not print."""
        (self.folder / "all.log").write_text("".join(self.logs), encoding="utf-8")
        return [found for log in self.logs for found in _troubles(log.splitlines())]


@dataclass(frozen=True, slots=True)
class Books:
    """LLMCap's ledgers beside the provider's bill."""

    ledgers: list[Path]
    provider: FakeProvider

    def bill_nanos(self) -> int:
        """What the provider charges by now."""
        return self.provider.bill.nanos()

    def bill_of_window(self, seconds: int) -> int:
        """
        The most within one window of a rolling budget; without one, all.

        A call belongs to the windows around its hold, however late its request reached the
        provider; one of which no hold is known counts for each window.
        """
        if not seconds:
            return self.bill_nanos()
        held = self._held_at()
        records = self.provider.bill.records
        calls = sorted((held[each.number], each.nanos()) for each in records if each.number in held)
        most = within = first = 0
        for at, nanos in calls:
            within += nanos
            while at - calls[first][0] >= seconds * MICROS:
                within -= calls[first][1]
                first += 1
            most = max(most, within)
        return most + self.bill_nanos() - sum(nanos for _, nanos in calls)

    def _held_at(self) -> dict[int, int]:
        """By the number of the provider's record: when its call was held, in microseconds."""
        rows = self._query(
            "SELECT hold.at, coalesce(last.response_id, '') FROM entries AS hold "
            "JOIN entries AS last ON last.ends = hold.id WHERE hold.kind = 'hold'"
        )
        found = ((_NUMBER.search(response_id), at) for at, response_id in rows)
        return {int(match[1]): at for match, at in found if match is not None}

    def spent_nanos(self) -> int:
        """What the ledger says was spent."""
        rows = self._query("SELECT coalesce(sum(cost_nanos), 0) FROM entries")
        return sum(nanos for (nanos,) in rows)

    def open_holds(self) -> int:
        """Calls in flight, as the ledger sees it."""
        return sum(count for (count,) in self._query("SELECT count(*) FROM open_holds"))

    async def settled(self) -> bool:
        """Wait until nothing is in flight on either side; False where that does not come."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.open_holds() or self.provider.bill.open():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def mismatches(self) -> list[str]:
        """
        Calls whose two records disagree, where both name the same response.

        One that was settled must be exact; one that was assumed must not be below the bill.
        """
        records = {record.number: record for record in self.provider.bill.records}
        rows = self._query(
            "SELECT response_id, state, cost_nanos FROM calls WHERE state <> 'refused'"
        )
        found = []
        for response_id, state, cost in rows:
            match = _NUMBER.search(response_id or "")
            record = records.get(int(match[1])) if match else None
            if record is not None and (problem := _disagreement(record, state, cost)):
                found.append(problem)
        return found

    def damage(self) -> list[str]:
        """What the ledgers' own audits find; every proxy must have ended."""
        found = []
        for path in self.ledgers:
            with closing(open_ledger(path)) as ledger:
                found += ledger.audit()
        return found

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of all ledgers."""
        found = []
        for path in self.ledgers:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                found += connection.execute(sql).fetchall()
        return found


def _troubles(lines: list[str]) -> Iterator[str]:
    """The lines of trouble; of a traceback, where it was and what it was."""
    place = ""
    for line in lines:
        if line.startswith("Traceback"):
            place = "?"
        elif place and line.startswith("  File "):
            place = line.strip()
        elif place and not line.startswith(" "):
            # asyncio prints the tasks that mitmproxy cancels when it is told to end.
            if not line.startswith("asyncio.exceptions.CancelledError"):
                yield f"{line} at {place}"
            place = ""
        elif not place and TROUBLE.search(line):
            yield line.strip()


def _disagreement(record: Record, state: str, cost_nanos: int) -> str | None:
    bill = record.nanos()
    if cost_nanos == bill or (state == "assumed" and cost_nanos > bill):
        return None
    return (
        f"record {record.number} ({record.endpoint}, {record.model}, ended {record.ended!r}, "
        f"{record.input} in, {record.output} out): billed {bill}, {state} at {cost_nanos}"
    )
