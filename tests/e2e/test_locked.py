"""Another process at the ledger: calls wait for it, and nothing else does."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fake_provider.process import ProviderHandle

from .conftest import Start
from .plainly import post, tunnelled

URL = "https://api.openai.com/v1/chat/completions"
CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_nobody_has_the_end_of_an_answer_before_its_cost_is_in_the_ledger(
    start: Start, provider: ProviderHandle, *, stream: bool
) -> None:
    """While another process writes, the client waits for it, and the proxy serves others."""
    provider.scenario(length="20", gated_after=0)
    proxy = start(cap="1")
    with (
        ThreadPoolExecutor() as pool,
        closing(sqlite3.connect(proxy.ledger, isolation_level=None)) as other,
    ):
        answer = pool.submit(post, proxy, URL, {**CALL, "stream": stream})
        while provider.bill()["open"] != 1:
            assert not answer.done(), answer.result()
        other.execute("BEGIN IMMEDIATE")
        provider.open_gate()
        while provider.bill()["open"]:
            assert not answer.done()
        for _ in range(20):  # others are answered, by the same loop
            with tunnelled(proxy, "localhost", 1) as (_, tunnel):
                assert tunnel.status == 200
        assert not answer.done()
        assert proxy.spent_nanos() == 0
        other.execute("ROLLBACK")
        status, _ = answer.result()
    assert status == 200
    assert proxy.spent_nanos() == provider.nanos()
    assert "ledger" not in proxy.log().lower()
