"""One cap over two machines: two mitmdumps with ledgers of their own, and a real PostgreSQL."""

import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle
from llmcap.treasury.hands import Hands
from postgres_server import Server

from .conftest import Run, Start

SECONDS = 300  # ends what hangs


def config(url: str, cap: str = "0.02", more: str = "") -> str:
    """What every node of a fleet says."""
    return f"treasury: {url}\nbudgets: [{{name: all, cap: {cap}, every: day}}]\n{more}"


def spent(*proxies: ProxyHandle) -> int:
    """What all of their ledgers say, in nano-dollars."""
    for proxy in proxies:
        proxy.settle()
    return sum(proxy.spent_nanos() for proxy in proxies)


def test_one_cap_holds_over_two_machines_and_is_used_up(
    start: Start, run: Run, provider: ProviderHandle, database: str, tmp_path: Path
) -> None:
    """Streams through both at once: the bill comes close, and stays within it."""
    provider.scenario(length="300", token_seconds=0.001, tokens_per_event=25)
    proxies = [
        start(folder=tmp_path / name, config=config(database, cap="0.01")) for name in ("a", "b")
    ]
    words = ("openai", "--calls=60", "--parallel", "--stream", "--max-tokens=300")
    with ThreadPoolExecutor() as pool:
        asked = list(pool.map(lambda proxy: run(proxy, *words), proxies))
    assert spent(*proxies) == provider.nanos()
    assert 9_500_000 <= provider.nanos() <= 10_000_000
    refused = [line for lines in asked for line in lines if "error" in line]
    assert refused
    assert all("RateLimitError" in line["bases"] for line in refused)


@pytest.mark.slow
def test_streams_take_slices_and_slots_of_a_fleet_and_a_watched_budget_stops_none(
    start: Start, run: Run, provider: ProviderHandle, database: str, tmp_path: Path
) -> None:
    """Never more calls at once than slots, nor a bill above the cap that slices are taken from."""
    provider.scenario(length="3000", token_seconds=0.0005, tokens_per_event=25)
    budgets = (
        "budgets: [{name: all, cap: 0.02, every: day, hold: sliced},"
        " {name: slots, cap: 5 concurrent}, {name: seen, cap: 0.001, every: day, mode: watch}]"
    )
    text = f"treasury: {database}\n{budgets}\nwait: 60\n"
    proxies = [start(folder=tmp_path / name, config=text) for name in ("a", "b")]
    words = ("openai", "--calls=12", "--parallel", "--stream", "--max-tokens=3000")
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(run, proxy, *words) for proxy in proxies]
        at_once = 0
        while not all(each.done() for each in asked):
            at_once = max(at_once, provider.bill()["open"])
            time.sleep(0.01)
    assert 2 <= at_once <= 5
    assert spent(*proxies) == provider.nanos()
    assert 16_000_000 <= provider.nanos() <= 20_000_000
    refused = [line for each in asked for line in each.result() if "error" in line]
    assert refused
    assert not any("'seen'" in line["message"] for line in refused)


@pytest.mark.slow
def test_what_a_hand_does_is_seen_by_all_and_proxies_that_end_give_all_back(
    start: Start, run: Run, provider: ProviderHandle, database: str, tmp_path: Path
) -> None:
    """A raise lets calls go at both, a pause stops them; nothing is out when both have ended."""
    text = config(database, cap="0")
    proxies = [start(folder=tmp_path / name, config=text) for name in ("a", "b")]
    assert "error" in run(proxies[0], "openai", "--max-tokens=300")[-1]
    with Hands(database) as hands:
        ((scope, _),) = hands.balances()
        hands.raise_by(scope, 10_000_000, note="more, by a test")
        for proxy in proxies:
            assert "error" not in run(proxy, "openai", "--max-tokens=300")[-1]
        hands.pause("all", paused=True, note="by a test")
        deadline = time.monotonic() + SECONDS
        while "error" not in (line := run(proxies[0], "openai", "--max-tokens=300")[-1]):
            assert time.monotonic() < deadline
        assert "paused" in line["message"]
        for proxy in proxies:
            proxy.process.terminate()
            proxy.process.wait(SECONDS)
        nodes = hands.nodes()
    assert [node.state for node in nodes] == ["left", "left"]
    assert [node.held["all"] for node in nodes] == [0, 0]
    assert sum(node.spent["all"] for node in nodes) == provider.nanos() <= 10_000_000


@pytest.mark.slow
def test_an_outage_stops_nothing_before_the_allotment_is_used_up(
    start: Start, run: Run, provider: ProviderHandle, postgres: Server, tmp_path: Path
) -> None:
    """PostgreSQL is killed: calls go on, then are refused with that reason, and go on after it."""
    database = postgres.new_database()
    proxy = start(config=config(database, cap="10", more="wait: 1\n"))
    provider.scenario(length="300", tokens_per_event=25)
    run(proxy, "openai", "--calls=3")
    postgres.kill()
    try:
        lines = run(proxy, "openai", "--calls=400", "--max-tokens=16000")
        served = [line for line in lines if "error" not in line]
        assert served
        assert "error" in lines[-1], "an allotment covers some seconds and no more"
        assert "the treasury did not answer" in lines[-1]["message"], lines[-1]
    finally:
        postgres.start()
    deadline = time.monotonic() + SECONDS
    while "error" in run(proxy, "openai")[-1]:
        assert time.monotonic() < deadline, proxy.log()
    assert spent(proxy) == provider.nanos()
    assert "the treasury is reached again" in proxy.log()


@pytest.mark.slow
def test_a_killed_node_goes_on_and_an_old_copy_of_it_is_stopped(
    start: Start, run: Run, provider: ProviderHandle, database: str, tmp_path: Path
) -> None:
    """`kill -9` and a new start; then a proxy on yesterday's file is told so and does not start."""
    proxy = start(config=config(database))
    run(proxy, "openai", "--calls=2")
    old = tmp_path / "old"
    old.mkdir()
    for each in proxy.folder.glob("ledger.sqlite3*"):
        shutil.copy(each, old / each.name)
    proxy.process.send_signal(signal.SIGKILL)
    proxy.process.wait(SECONDS)
    again = start(config=config(database))
    assert "error" not in run(again, "openai", "--calls=2")[-1]
    with pytest.raises(RuntimeError, match="is an old copy of the node"):
        start(folder=old, config=config(database))
    assert spent(again) == provider.nanos()
