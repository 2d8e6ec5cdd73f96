"""A program that asks again after a refusal, through real mitmdump: what ends it."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import CLIENTS, PROGRAMS, Start
from .test_budgets import wait_for

THREADS = 32


class Rounds:
    """The program, a round at a time."""

    def __init__(self, proxy: ProxyHandle) -> None:
        self._process = subprocess.Popen(
            [str(CLIENTS), str(PROGRAMS / "again_program.py"), str(THREADS)],
            env=proxy.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, how: str = "go") -> Counter[int]:
        """The statuses of all threads, of one call of each; `anew`: over new connections."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{how}\n")
        self._process.stdin.flush()
        return Counter(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=300)


@pytest.fixture
def rounds() -> Iterator[list[Rounds]]:
    """Those that were started; ended afterwards."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    started: list[Rounds] = []
    yield started
    for each in started:
        each.close()


def test_all_that_are_refused_at_once_get_the_first_then_what_ends_them_and_a_raise_serves_them(
    start: Start, provider: ProviderHandle, tmp_path: Path, rounds: list[Rounds]
) -> None:
    """32 threads: 429, then 402; served at once after a raise, and then 429 is the first again."""
    provider.scenario(length="20")
    folder = tmp_path / "proxy"
    config = "budgets:\n- {name: all, cap: $%s, every: day}\nwait: 0\n"
    proxy = start(folder, config=config % "0.000001")
    path = folder / "llmcap.yaml"
    rounds.append(Rounds(proxy))
    assert rounds[0].ask("anew") == {429: THREADS}
    assert rounds[0].ask() == {402: THREADS}
    path.write_text(config % "1")
    wait_for(proxy, "read", "llmcap.yaml again")
    assert rounds[0].ask() == {200: THREADS}
    path.write_text(config % "0.000002")
    deadline = time.monotonic() + 300
    while proxy.log().count("llmcap.yaml again") < 2:
        assert time.monotonic() < deadline, proxy.log()
        time.sleep(0.05)
    assert rounds[0].ask("anew") == {429: THREADS}
