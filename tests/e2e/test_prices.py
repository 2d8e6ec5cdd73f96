"""Newer prices in a running proxy: a model that was unknown is known a second later."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fake_provider.process import ROOT, ProviderHandle
from fake_provider.proxy import ProxyHandle
from llmcap.pricing import PriceBook

from .conftest import Start
from .plainly import post

URL = "https://api.openai.com/v1/chat/completions"
NEW = "gpt-6.2-sol"
OLD = "gpt-5-mini"
DEADLINE_SECONDS = 300


def ask(proxy: ProxyHandle, model: str) -> tuple[int, str]:
    """One call of a few tokens."""
    messages = [{"role": "user", "content": "hi"}]
    return post(proxy, URL, {"model": model, "max_completion_tokens": 20, "messages": messages})


def source(folder: Path, **outputs: float) -> Path:
    """A list of models by what a million tokens of their output cost."""
    path = folder / "list.json"
    models = []
    for name, output in outputs.items():
        found = PriceBook().find("openai", name, datetime.now(UTC))
        read = 2 if found is None else float(found.rates["input"])
        prices = {"input_mtok": read, "output_mtok": output}
        models.append({"id": name, "match": {"equals": name}, "prices": prices})
    path.write_text(json.dumps([{"id": "openai", "models": models}]))
    return path


def llmcap(data: Path, *arguments: str) -> str:
    """Run the command with that data folder; what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "llmcap.cli", *arguments],
        env={"PATH": "", "PYTHONPATH": str(ROOT / "addons"), "XDG_DATA_HOME": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(done: Callable[[], bool], proxy: ProxyHandle) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not done():
        assert time.monotonic() < deadline, (set(costs(proxy)), proxy.log()[-3000:])
        time.sleep(0.1)


def is_sent(proxy: ProxyHandle) -> bool:
    """Whether the new model is not refused any more; the provider itself does not know it."""
    return ask(proxy, NEW)[0] == 404


def told(proxy: ProxyHandle) -> list[str]:
    """The kinds of all events so far."""
    events = proxy.ledger.with_suffix(".events.sqlite3")
    with closing(sqlite3.connect(f"file:{events}?mode=ro", uri=True)) as db:
        return [kind for (kind,) in db.execute("SELECT kind FROM events")]


def costs(proxy: ProxyHandle) -> list[Decimal]:
    """What each settled call paid for a million tokens of output."""
    rate = PriceBook().find("openai", OLD, datetime.now(UTC))
    assert rate is not None
    found = []
    for row in proxy.entries():
        if row["kind"] == "settled":
            used = json.loads(row["usage"])
            output = Decimal(row["cost_nanos"]) - used["input_tokens"] * rate.rates["input"] * 1000
            found.append(round(output / used["output_tokens"] / 1000, 2))
    return found


def test_a_proxy_under_load_adopts_what_was_taken(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """No call is lost meanwhile, each is billed at the price of its time, and the event is told."""
    data = tmp_path / "data"
    proxy = start(cap="5", environ={"XDG_DATA_HOME": str(data)})
    status, text = ask(proxy, NEW)
    assert status == 400
    assert "llmcap prices update" in json.loads(text)["error"]["message"]

    statuses: list[int] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            statuses.append(ask(proxy, OLD)[0])

    workers = [threading.Thread(target=load) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        file = source(tmp_path, **{NEW: 10})
        assert f"openai/{NEW}: new" in llmcap(
            data, "prices", "update", "--from", str(file), "--yes"
        )
        wait_for(lambda: is_sent(proxy), proxy)
        file = source(tmp_path, **{OLD: 3})
        assert "$2 -> $3" in llmcap(data, "prices", "update", "--from", str(file), "--yes")
        wait_for(lambda: 3 in costs(proxy), proxy)
    finally:
        done.set()
        for worker in workers:
            worker.join()
    proxy.settle()
    assert set(statuses) == {200}
    assert set(costs(proxy)) == {2, 3}
    assert len(costs(proxy)) == len(statuses)
    wait_for(lambda: told(proxy).count("price_changed") == 2, proxy)


@pytest.mark.parametrize("good", [True, False], ids=["good", "broken"])
def test_a_config_lets_the_proxy_look_each_day(start: Start, tmp_path: Path, *, good: bool) -> None:
    """`update: daily` takes what may be taken; a source that is broken is told, and all goes on."""
    listed = source(tmp_path, **{NEW: 10})
    if not good:
        listed.write_text("<html>")
    data = tmp_path / "data"
    config = f"prices:\n  update: daily\n  from: ['{listed}']\nbudgets: [{{name: all, cap: 5}}]\n"
    proxy = start(config=config, environ={"XDG_DATA_HOME": str(data)})
    if good:
        wait_for(lambda: is_sent(proxy), proxy)
        return
    wait_for(lambda: "today's prices were not taken" in proxy.log(), proxy)
    assert ask(proxy, OLD)[0] == 200
    assert not (data / "llmcap" / "prices.json").exists()
