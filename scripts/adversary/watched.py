"""
The same traffic twice: once watched, once enforced. What the watch said would be refused, was.

And at the smallest caps that the watch tells nothing is; with the least that a cap can be below one
of them, something is.

Calls come one after the other and are not clamped, and the provider is told how long each answer
is: so nothing that a decision does to one call changes what the next one costs, but for what was
refused. Each run has a provider and a ledger of its own, and in both the ledger is the bill.
"""

import asyncio
import random
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adversary.calls import Plan
from adversary.client import Client, Fate
from adversary.client2 import Pool
from adversary.world import Books, Proxies
from fake_provider.app import FakeProvider
from fake_provider.process import ProviderHandle
from llmcap.budgets.watched import NOTE
from llmcap.ledger import history
from llmcap.ledger.watched import peaks
from llmcap.words.money import usd_string

CALLS = 60
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CONFIG = """\
mode: {mode}
clamp: false
wait: 0
budgets:
- {{name: money, cap: {money}, every: day}}
- {{name: tokens, cap: {tokens}, every: day, match: {{model: "gpt-*"}}}}
- {{name: some, cap: {some}, every: day, per: model}}
"""
CAPS = {"money": "$0.004", "tokens": "6k tokens", "some": "9 requests"}


@dataclass(frozen=True, slots=True)
class Run:
    """What became of each call in one of the two runs, in their order."""

    refused: list[bool]  # by a budget, or would have been
    wrong: list[str]
    suffices: dict[str, int]  # by budget, in its unit: the cap that the ledger tells


async def compare(folder: Path, confdir: Path, rng: random.Random) -> tuple[str, list[str]]:
    """Both runs; figures, and what of the promise is broken."""
    plans = [plan(rng) for _ in range(CALLS)]
    watched = await _run(plans, "watch", CAPS, folder / "watched", confdir)
    enforced = await _run(plans, "enforce", CAPS, folder / "enforced", confdir)
    broken = [*watched.wrong, *enforced.wrong]
    pairs = zip(watched.refused, enforced.refused, strict=True)
    broken += [
        f"call {number}: watched it would{'' if would else ' not'} be refused, enforced it "
        f"was{'' if was else ' not'}"
        for number, (would, was) in enumerate(pairs)
        if would != was
    ]
    count = sum(enforced.refused)
    if not 0 < count < CALLS:
        broken.append(f"{count} of {CALLS} calls were refused: this traffic shows nothing")
    return f"{CALLS} calls twice, {count} refused and said to be", broken


async def smallest(folder: Path, confdir: Path, rng: random.Random) -> tuple[str, list[str]]:
    """One run that is watched, one at the caps that it tells, and one with less of each of them."""
    plans = [plan(rng) for _ in range(CALLS)]
    watched = await _run(plans, "watch", CAPS, folder / "watched", confdir)
    caps = {name: _cap(name, most) for name, most in watched.suffices.items()}
    exact = await _run(plans, "enforce", caps, folder / "exact", confdir)
    broken = [*watched.wrong, *exact.wrong]
    if any(exact.refused):
        broken.append(f"{sum(exact.refused)} calls were refused at {caps}")
    for name, most in watched.suffices.items():
        less = caps | {name: _cap(name, most - 1)}
        found = await _run(plans, "enforce", less, folder / f"less-{name}", confdir)
        broken += found.wrong
        if not any(found.refused):
            broken.append(f"nothing was refused at {less}, which is less than suffices")
    return f"{CALLS} calls, none refused at {', '.join(caps.values())}, some below", broken


def _cap(name: str, amount: int) -> str:
    """As a config has it."""
    _, _, unit = CAPS[name].partition(" ")
    return f"{amount} {unit}" if unit else f"${usd_string(amount)}"


def plan(rng: random.Random) -> Plan:
    """A call whose answer has a length that is fixed, below its own limit."""
    length = rng.randrange(5, 200)
    api, model = rng.choice([("chat", ""), ("chat", "gpt-4o"), ("messages", "")])
    return Plan(
        api=api, model=model, stream=rng.random() < 0.5, max_tokens=length + rng.randrange(50, 400),
        words=rng.randrange(1, 40), behaviour={"length": str(length)},
    )  # fmt: skip


async def _run(
    plans: list[Plan], mode: str, caps: Mapping[str, str], folder: Path, confdir: Path
) -> Run:
    await asyncio.to_thread(folder.mkdir)
    provider = FakeProvider(seed=1)
    await provider.start(folder)
    handle = ProviderHandle(provider.port, provider.plain_port, provider.ca)
    proxies = Proxies(folder, handle, confdir, CONFIG.format(mode=mode, **caps))
    books = Books(proxies.ledgers, provider)
    wrong: list[str] = []
    try:
        await proxies.start()
        client = Client(lambda: proxies.port(0), Pool(lambda: proxies.port(0)))
        fates = [(await client.call(each)).fate for each in plans]
        client.close()
        if not await books.settled():
            wrong.append(f"{mode}: calls are still in flight")
        if books.spent_nanos() != books.bill_nanos():
            wrong.append(
                f"{mode}: the ledger has {books.spent_nanos()}, the bill {books.bill_nanos()}"
            )
    finally:
        await proxies.stop()
        await provider.stop()
    expected = {Fate.SERVED} if mode == "watch" else {Fate.SERVED, Fate.REFUSED}
    wrong += [f"{mode}: a call was {fate}" for fate in sorted(set(fates) - expected)]
    ledger = proxies.ledgers[0]
    refused = _would(ledger) if mode == "watch" else [fate is Fate.REFUSED for fate in fates]
    return Run(refused, wrong, _suffices(ledger))


def _suffices(ledger: Path) -> dict[str, int]:
    """What `llmcap watch report` tells: of each budget, for the value that takes the most."""
    with history.reading(ledger) as db:
        budgets = [budget for budget, _ in history.definitions(db)]
        return {each.name: peaks(db, each, since=LONG_AGO)[0].most for each in budgets}


def _would(ledger: Path) -> list[bool]:
    """Of each call, in the order of their holds, whether its note says that it would be refused."""
    with (
        history.reading(ledger) as db,
        closing(
            db.execute("SELECT coalesce(note, '') FROM entries WHERE kind = 'hold' ORDER BY id")
        ) as rows,
    ):
        return [note.startswith(f"{NOTE}would be refused") for (note,) in rows]
