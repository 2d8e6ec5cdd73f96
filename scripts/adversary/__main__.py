"""
`scripts/soak`: run the cases of a profile, and exit 1 when a promise is broken.

Amounts in the table are USD. `over` is the overshoot (bill above cap), `used` the part of the cap
that was billed when a refusal stayed, `early` the refusals while less than half was spent.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from adversary.cases import PROFILES, Case
from adversary.drive import Drive
from adversary.fleet.cases import FLEETS, FleetCase
from adversary.fleet.run import run_fleet_case
from adversary.probes import PROBES, Probe, run_probe
from adversary.report import HEAD, Report
from adversary.world import Books, Proxies
from fake_provider.app import FakeProvider
from fake_provider.process import ProviderHandle
from fake_provider.scenario import Scenario
from postgres_server import cluster

type Trial = Case | FleetCase | Probe


async def run_case(case: Case, folder: Path, confdir: Path, *, seed: str) -> Report:
    """One case, with a provider, proxies and ledgers of its own, and a treasury if it wants one."""
    if not case.treasury:
        return await _run_case(case, folder, confdir, case.document(), seed=seed)
    with cluster() as made:
        database = (await asyncio.to_thread(made.server)).new_database()
        return await _run_case(case, folder, confdir, case.document(database), seed=seed)


async def _run_case(case: Case, folder: Path, confdir: Path, document: str, *, seed: str) -> Report:
    provider = FakeProvider(seed=hash_of(seed))
    provider.scenario = Scenario(**case.behaviour)
    await provider.start(folder)
    handle = ProviderHandle(provider.port, provider.plain_port, provider.ca)
    proxies = Proxies(folder, handle, confdir, document, case.proxies, are_nodes=case.treasury)
    books = Books(proxies.ledgers, provider)
    drive = Drive(case, proxies, books, seed=seed)
    try:
        await proxies.start()
        started = time.monotonic()
        await drive.run()
        seconds = time.monotonic() - started
        settled = await books.settled() if case.all_settle else False
    finally:
        await proxies.stop()
        await provider.stop()
    tally = drive.tally
    return Report(
        case=case,
        seed=seed,
        bill=books.bill_nanos(),
        bill_of_window=books.bill_of_window(case.window_seconds),
        ledger=books.spent_nanos(),
        bill_at_persistent_refusal=tally.bill_at_persistent_refusal,
        early_refusals=tally.early_refusals,
        fates=dict(tally.fates),
        details=tally.details,
        deaths=tally.deaths,
        seconds=seconds,
        settled=settled,
        mismatches=books.mismatches(),
        damage=books.damage(),
        trouble=proxies.trouble(),
    )


def hash_of(seed: str) -> int:
    """A number of a seed, the same in every process."""
    return int.from_bytes(seed.encode(), "big") % 2**32


def every_case(profile: str, only: str = "") -> list[Trial]:
    """What a profile tries: all, the case of this name, or those whose names contain it."""
    every: list[Trial] = [
        *PROFILES.get(profile, list)(),
        *FLEETS.get(profile, list)(),
        *PROBES.get(profile, ()),
    ]
    named = [each for each in every if each.name == only]
    return named or [each for each in every if only in each.name]


async def run_all(every: list[Trial], *, seed: int, jobs: int, keep: Path | None) -> int:
    """Every case and probe, a line each as it ends; how many broke a promise."""
    print(f"seed {seed}\n{HEAD}", flush=True)
    turn = asyncio.Semaphore(jobs)
    with tempfile.TemporaryDirectory(prefix="llmcap-soak-") as made:
        confdir = Path(made) / "confdir"
        confdir.mkdir()

        async def run_one(number: int, case: Trial) -> bool:
            folder = Path(made) / f"case-{number}"
            folder.mkdir()
            async with turn:
                if isinstance(case, Case):
                    report = await run_case(case, folder, confdir, seed=f"{seed}/{case.name}")
                    line, broken = report.line(), report.broken()
                elif isinstance(case, FleetCase):
                    over_nodes = await run_fleet_case(case, folder, seed=str(seed))
                    line, broken = over_nodes.line(), over_nodes.broken()
                else:
                    found = await run_probe(case, folder, confdir, seed=str(seed))
                    line, broken = f"{case.name:<38} {found.figures}", found.broken
            print(line, *broken, sep="\n    BROKEN: ", flush=True)
            if keep is not None and broken:
                shutil.copytree(folder, keep / folder.name, dirs_exist_ok=True)
            shutil.rmtree(folder)
            return bool(broken)

        return sum(await asyncio.gather(*(run_one(*each) for each in enumerate(every))))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--profile", choices=sorted({*PROFILES, *FLEETS}), default="ci")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=2, help="cases at once, default: %(default)s")
    parser.add_argument("--only", default="", help="a case, or what the names of some contain")
    parser.add_argument("--keep", type=Path, help="copy logs and ledgers of failed cases here")
    options = parser.parse_args()
    every = every_case(options.profile, options.only)
    if not every:
        sys.exit(f"scripts/soak: no case of {options.profile} has {options.only!r} in its name")
    started = time.monotonic()
    failed = asyncio.run(run_all(every, seed=options.seed, jobs=options.jobs, keep=options.keep))
    seconds = time.monotonic() - started
    count = len(every)
    print(f"{count - failed} of {count} cases kept every promise, in {seconds:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
