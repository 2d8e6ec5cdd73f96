"""
What goes on beside the money: pages on the proxy's port, many values, and hostile names.

Each probe has a provider and a proxy of its own, and tells figures and the promises that it saw
broken.
"""

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from adversary import killed, watched
from adversary.calls import Plan
from adversary.client import Client, Fate
from adversary.client2 import Pool
from adversary.hostile import FORGED, hostile
from company_proxy import CompanyProxy
from fake_provider.app import FakeProvider
from fake_provider.process import ROOT, ProviderHandle
from fake_provider.proxy import KEPT, ProxyHandle, proxy_process
from fake_provider.tls import HOSTS

CALLBACKS = Path(__file__).with_name("callbacks.py")
CALLBACK_MS_MAX = 50.0

PAGES = 200
PAGES_AT_ONCE = 20
VALUES = 100_000
LOOKS_SECONDS = 30  # of traffic, while the loop looks at all values
REQUESTS = 10_000
CLIENTS = 16

WAIT_SECONDS = 120  # ends what hangs
POLL_SECONDS = 0.05

PAGE = "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
CALL = Plan(max_tokens=50)


@dataclass(frozen=True, slots=True)
class Findings:
    """What one probe showed."""

    figures: str
    broken: list[str]


@dataclass(frozen=True, slots=True)
class Probe:
    """`run` gets an empty folder, a confdir with the authority, and a provider."""

    name: str
    run: Callable[[Path, Path, FakeProvider, random.Random], Awaitable[Findings]]


async def run_probe(probe: Probe, folder: Path, confdir: Path, *, seed: str) -> Findings:
    """One probe, beside a provider of its own."""
    provider = FakeProvider(seed=1)
    await provider.start(folder)
    try:
        return await probe.run(folder, confdir, provider, random.Random(f"{seed}/{probe.name}"))
    finally:
        await provider.stop()


# --- pages ----------------------------------------------------------------------------------


async def pages_of_up(
    folder: Path, _confdir: Path, provider: FakeProvider, _rng: random.Random
) -> Findings:
    """A browser opens a page on the port of `llmcap up`, again and again."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        environ = _environ(folder, provider, company)
        said = await _said(["up", "--port", "0"], environ)
        try:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
            if found is None:
                return Findings("", [f"`up` has no port: {said}"])
            return await _pages(int(found[1]))
        finally:
            await _said(["down"], environ)


async def pages_of_run(
    folder: Path, _confdir: Path, provider: FakeProvider, _rng: random.Random
) -> Findings:
    """Likewise on the port of `llmcap run`, whose command waits meanwhile."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llmcap.cli", "run", "--cap", "1", "--"),
            *("sh", "-c", "echo $HTTPS_PROXY; read line"),
            env=_environ(folder, provider, company),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = (await process.stdout.readline()).decode()
            found = re.search(r":(\d+)", said)
            if found is None:
                return Findings("", [f"`run` has no port: {said}"])
            return await _pages(int(found[1]))
        finally:
            process.stdin.close()
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await process.wait()
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)


def _environ(folder: Path, provider: FakeProvider, company: CompanyProxy) -> dict[str, str]:
    """Somebody's shell, with a home of its own."""
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "PYTHONPATH": str(ROOT / "addons"),
        "HTTPS_PROXY": company.url,
        "SSL_CERT_FILE": str(provider.ca),
    }


async def _said(words: list[str], environ: dict[str, str]) -> str:
    """What a command of LLMCap's prints, errors too."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmcap.cli", *words),
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return (await process.communicate())[0].decode()


async def _pages(port: int) -> Findings:
    """Open them, and count the descriptors of the proxy before and after."""
    fates = [await _call(port)]
    (pid,) = _listeners(port)
    before = most = await _rest(pid)
    answers: Counter[str] = Counter()
    for _ in range(PAGES // PAGES_AT_ONCE):
        opened = asyncio.gather(*(_open_page(port) for _ in range(PAGES_AT_ONCE)))
        while not opened.done():
            most = max(most, _descriptors(pid))
            await asyncio.sleep(POLL_SECONDS / 5)
        answers.update(await opened)
        fates.append(await _call(port))
    after = await _rest(pid, at_most=before)
    told = ", ".join(f"{count} answered {status}" for status, count in answers.items())
    figures = f"{told}; {before} descriptors before, {after} after, {most} at most"
    broken = []
    if after > before:
        broken.append(f"{after - before} descriptors are leaked")
    if not all(status.isdecimal() for status in answers):
        broken.append("a page was not answered")
    if set(fates) != {Fate.SERVED}:
        broken.append(f"calls were {', '.join(fates)}")
    return Findings(figures, broken)


async def _open_page(port: int) -> str:
    """The status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(PAGE.format(port=port).encode())
        async with asyncio.timeout(WAIT_SECONDS):
            answer = await reader.read()
        return answer[9:12].decode("latin-1") or "by nothing"
    except (OSError, TimeoutError) as error:
        return f"by {type(error).__name__}"
    finally:
        writer.close()


async def _call(port: int) -> Fate:
    """A call through the proxy."""
    client = Client(lambda: port, Pool(lambda: port))
    try:
        return (await client.call(CALL)).fate
    finally:
        client.close()


def _listeners(port: int) -> list[int]:
    """The processes that listen on a port of loopback."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {line.split()[9] for line in lines if f":{port:04X} 00000000:0000 0A" in line}
    sockets = {f"socket:[{inode}]" for inode in inodes}
    return [
        int(folder.parent.name)
        for folder in Path("/proc").glob("[0-9]*/fd")
        if any(target in sockets for target in _targets(folder))
    ]


def _targets(folder: Path) -> Iterator[str]:
    try:
        each = list(folder.iterdir())
    except OSError:
        return
    for path in each:
        try:
            yield str(path.readlink())
        except OSError:
            continue


def _descriptors(pid: int) -> int:
    return len(list(_targets(Path(f"/proc/{pid}/fd"))))


async def _rest(pid: int, *, at_most: int | None = None) -> int:
    """The number of descriptors when it has stopped changing, or is as small as it has to be."""
    deadline = time.monotonic() + WAIT_SECONDS
    last, same = _descriptors(pid), 0
    while time.monotonic() < deadline and (same < 40 if at_most is None else last > at_most):
        await asyncio.sleep(POLL_SECONDS)
        now = _descriptors(pid)
        last, same = now, same + 1 if now == last else 0
    return last


# --- callbacks ------------------------------------------------------------------------------


@asynccontextmanager
async def measured(
    folder: Path, confdir: Path, provider: FakeProvider, config: str
) -> AsyncIterator[ProxyHandle]:
    """A proxy whose callbacks are measured."""
    place = folder / "proxy"
    place.mkdir()
    (place / "confdir").symlink_to(confdir, target_is_directory=True)
    life = proxy_process(
        place,
        ProviderHandle(provider.port, provider.plain_port, provider.ca),
        config=config,
        before=[CALLBACKS],
        options=["--set", "flow_detail=0"],
        environ={"CALLBACKS": str(place / "callbacks.jsonl")},
    )
    proxy = await asyncio.to_thread(life.__enter__)
    try:
        yield proxy
    finally:
        await asyncio.to_thread(life.__exit__, None, None, None)


@dataclass(frozen=True, slots=True)
class Longest:
    """The callback that took the most CPU time since a moment, in milliseconds."""

    ms: float
    what: str

    @classmethod
    def since(cls, proxy: ProxyHandle, moment: float) -> "Longest":
        """By the monotonic clock; whole lines only, as the proxy may be writing one."""
        text = (proxy.folder / "callbacks.jsonl").read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]
        found = [(row["ms"], row["what"]) for row in rows if row["at"] >= moment]
        return cls(*max(found, default=(0.0, "none was slow")))

    def broken(self) -> list[str]:
        """What it breaks."""
        if self.ms < CALLBACK_MS_MAX:
            return []
        return [f"a callback took {self.ms:.0f} ms of CPU time: {self.what}"]


async def _traffic(
    proxy: ProxyHandle, plan_of: Callable[[], Plan | None], fates: Counter[Fate]
) -> None:
    """As many clients as CLIENTS, until there is no other plan."""

    async def one() -> None:
        client = Client(lambda: proxy.port, Pool(lambda: proxy.port))
        while (plan := plan_of()) is not None:
            fates[(await client.call(plan)).fate] += 1
        client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(one())


# --- many values ----------------------------------------------------------------------------

EACH = """\
trust_headers: x-customer-id
budgets:
- {name: each, cap: $1, every: month, per: customer, at: {80%: warn}}
"""


async def many_values(
    folder: Path, confdir: Path, provider: FakeProvider, rng: random.Random
) -> Findings:
    """A hundred thousand customers, half of whom are above the threshold of their budget."""
    async with measured(folder, confdir, provider, EACH) as proxy:
        fates: Counter[Fate] = Counter()
        first = iter([_customer(0)])
        await _traffic(proxy, lambda: next(first, None), fates)
        started = time.monotonic()
        await asyncio.to_thread(_fill, proxy.ledger)
        until = time.monotonic() + LOOKS_SECONDS

        def plan() -> Plan | None:
            over = time.monotonic() >= until
            return None if over else _customer(rng.randrange(VALUES))

        await _traffic(proxy, plan, fates)
        longest = Longest.since(proxy, started)
        told = len(set(re.findall(r"value-\d+", proxy.log())))
    figures = (
        f"{VALUES:,} values, {fates.total()} calls, {told:,} values told of; "
        f"longest callback {longest.ms:.1f} ms"
    )
    broken = longest.broken()
    if set(fates) - {Fate.SERVED, Fate.REFUSED}:
        broken.append(f"calls were {', '.join(fates)}")
    if not told:
        broken.append("no threshold was told")
    return Findings(figures, broken)


def _customer(number: int) -> Plan:
    return _Named(max_tokens=50, customer=f"value-{number}")


@dataclass(frozen=True, slots=True)
class _Named(Plan):
    """A call for a customer."""

    customer: str = ""

    def headers(self) -> dict[str, str]:
        """With the header that names it."""
        return {**super(_Named, self).headers(), "x-customer-id": self.customer}


def _fill(ledger: Path) -> None:
    """Give the one budget as many values as another proxy's traffic would have."""
    with closing(sqlite3.connect(ledger, isolation_level=None, timeout=WAIT_SECONDS)) as db:
        db.execute("BEGIN IMMEDIATE")
        (balance,) = db.execute("SELECT max(id) FROM balances").fetchone()
        db.executemany(
            "INSERT INTO balances (budget_id, value, run, window_start) "
            "SELECT budget_id, ?, run, window_start FROM balances WHERE id = ?",
            ((f"value-{number}", balance) for number in range(1, VALUES)),
        )
        # One charge that is posted to all of them, so that each balance is the sum of its postings.
        (entry,) = db.execute("SELECT max(id) FROM entries WHERE kind = 'hold'").fetchone()
        cost = 500_000_000 * (VALUES - 1)
        charge = db.execute(
            "INSERT INTO entries (at, kind, process_id, call_id, provider, endpoint, model, "
            "attributes, cost_nanos) SELECT at, 'charged', process_id, 'filled', provider, "
            "endpoint, model, '{}', ? FROM entries WHERE id = ?",
            (cost, entry),
        ).lastrowid
        db.execute(
            "INSERT INTO postings (entry_id, balance_id, spent, held, calls) "
            "SELECT ?, id, CASE id % 2 WHEN 0 THEN 850000000 ELSE 150000000 END, 0, 1 "
            "FROM balances WHERE id > ?",
            (charge, balance),
        )
        db.execute("COMMIT")


# --- hostile names --------------------------------------------------------------------------

NAMED = """\
trust_headers: x-customer-id
budgets:
- {name: all, cap: $5, every: once}
- {name: each, cap: $0.001, every: once, per: customer, at: {1%: warn}}
"""


async def hostile_names(
    folder: Path, confdir: Path, provider: FakeProvider, rng: random.Random
) -> Findings:
    """Names with escape sequences, line breaks, and fifty thousand letters."""
    left = iter(range(REQUESTS))
    fates: Counter[Fate] = Counter()
    async with measured(folder, confdir, provider, NAMED) as proxy:
        await _call(proxy.port)
        started = time.monotonic()
        await _traffic(proxy, lambda: hostile(rng) if next(left, None) is not None else None, fates)
        longest = Longest.since(proxy, started)
        last = await _call(proxy.port)
        environ = {**_kept(), "PYTHONPATH": str(ROOT / "addons"), "HOME": str(folder)}
        ledger = ["--ledger", str(proxy.ledger)]
        shown = {
            "status": await _said(["status", *ledger], environ),
            "log": await _said(["log", "-n", str(REQUESTS), *ledger], environ),
        }
    shown["the proxy's log"] = (proxy.folder / "mitmdump.log").read_bytes().decode()
    calls = ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
    lines = ", ".join(f"{text.count(chr(10)):,} of {name}" for name, text in shown.items())
    broken = longest.broken()
    for name, text in shown.items():
        broken += [f"{name}: {problem}" for problem in _unclean(text)]
    if last is not Fate.SERVED:
        broken.append(f"a call was {last} afterwards")
    if not fates[Fate.SERVED] or Fate.HUNG in fates:
        broken.append(f"calls were {calls}")
    return Findings(f"{calls}; lines: {lines}; longest callback {longest.ms:.1f} ms", broken)


def _unclean(text: str) -> Iterator[str]:
    """Characters that a terminal obeys, or that break a line, and lines that a name began."""
    found = Counter(each for each in text if each != "\n" and _is_control(each))
    if found:
        yield ", ".join(f"{count} times {each!r}" for each, count in found.items())
    forged = [line for line in text.splitlines() if line.startswith(FORGED)]
    if forged:
        yield f"{len(forged)} forged lines, such as {forged[0][:60]!r}"
    if not text.strip():
        yield "nothing was shown"


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"}


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ}


async def killed_runs(
    folder: Path, _confdir: Path, provider: FakeProvider, rng: random.Random
) -> Findings:
    """See `killed`."""
    handle = ProviderHandle(provider.port, provider.plain_port, provider.ca)
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        environ = _environ(folder, provider, company)
        return Findings(*await asyncio.to_thread(
            killed.kill_many, folder, environ, handle, kills=killed.KILLS, seed=str(rng.random())
        ))  # fmt: skip


# --- profiles -------------------------------------------------------------------------------


async def watched_and_enforced(
    folder: Path, confdir: Path, _provider: FakeProvider, rng: random.Random
) -> Findings:
    """See `watched`."""
    return Findings(*await watched.compare(folder, confdir, rng))


async def watched_caps(
    folder: Path, confdir: Path, _provider: FakeProvider, rng: random.Random
) -> Findings:
    """See `watched`."""
    return Findings(*await watched.smallest(folder, confdir, rng))


WATCHED = Probe("the same traffic watched and enforced", watched_and_enforced)
PROBES: dict[str, tuple[Probe, ...]] = {
    "ci": (WATCHED,),
    "long": (
        WATCHED,
        Probe("the smallest caps that a watch tells", watched_caps),
        Probe("pages on the port of up", pages_of_up),
        Probe("pages on the port of run", pages_of_run),
        Probe("100,000 values with thresholds", many_values),
        Probe("10,000 hostile names", hostile_names),
        Probe("1,000 kills of confined runs", killed_runs),
    ),
}
