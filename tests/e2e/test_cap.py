"""The cap stops programs that know nothing of it, in time, and with the right exception."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fake_provider.process import ProviderHandle
from llmcap.words.money import parse_usd

from .conftest import Run, Start

REFUSALS = {
    "openai": "RateLimitError",
    "anthropic": "RateLimitError",
    "gemini": "ClientError",
}
PLANS = {
    "openai": (
        " + --stream + --api=responses + --api=responses --stream + --api=embeddings "
        "+ --parallel + --parallel --stream"
    ),
    "anthropic": " + --stream + --parallel + --parallel --stream",
    "gemini": " + --stream + --api=embed + --parallel + --parallel --stream",
}


@pytest.mark.parametrize(
    ("program", "strategy"), [("openai", "eager"), ("anthropic", "lazy"), ("gemini", "eager")]
)
def test_a_refusal_raises_what_a_quota_raises_after_one_attempt(
    start: Start, run: Run, provider: ProviderHandle, program: str, strategy: str
) -> None:
    """With nothing left, each call raises the package's own exception, once, and reaches nobody."""
    proxy = start(cap="0", options=["--set", f"connection_strategy={strategy}"])
    lines = run(proxy, program, *PLANS[program].split())
    assert len(lines) == PLANS[program].count("+") + 1
    assert REFUSALS[program] in lines[0]["bases"], lines[0]
    assert lines[0]["status"] == 429
    for line in lines:
        # A program that goes on after its first refusal is told so, in another status.
        assert line["status"] in {429, 402}
        again = "APIStatusError" if line["status"] == 402 else REFUSALS[program]
        assert {again, REFUSALS[program]} & set(line["bases"]), line
        assert "LLMCap" in line["message"]
    assert len(proxy.requests()) == len(lines), "a refused call was tried again"
    assert provider.bill()["requests"] == {}
    refused = [entry for entry in proxy.entries("kind") if entry["kind"] == "refused"]
    assert len(refused) == len(lines)
    assert proxy.spent_nanos() == 0


# A cap for some 200 calls of 300 tokens each, so that one call is small beside it.
WORKLOADS = {
    "openai": ("0.04", ["openai", "--calls=400"]),
    "openai streams": ("0.04", ["openai", "--calls=400", "--stream"]),
    "anthropic": ("0.40", ["anthropic", "--calls=400"]),
    "gemini": ("0.16", ["gemini", "--calls=400"]),
}


@pytest.mark.parametrize(("cap", "arguments"), WORKLOADS.values(), ids=WORKLOADS.keys())
def test_the_bill_comes_close_to_the_cap_and_never_passes_it(
    start: Start, run: Run, provider: ProviderHandle, cap: str, arguments: list[str]
) -> None:
    """Small calls, one after the other: at least 99 % of the cap is used when the program stops."""
    provider.scenario(length="300", tokens_per_event=25)
    proxy = start(cap=cap)
    lines = run(proxy, *arguments)
    assert "error" in lines[-1], "the cap was never reached"
    assert not any("error" in line for line in lines[:-1])
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()
    cap_nanos = parse_usd(cap)
    assert cap_nanos * 99 // 100 <= provider.nanos() <= cap_nanos


def test_calls_at_once_do_not_pass_the_cap_together(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """150 streams at once on a cap for some hundred: the bill comes close, and stays within it."""
    provider.scenario(length="300", token_seconds=0.001, tokens_per_event=25)
    # Who waits for money that others hold waits for their end, however slow the machine is.
    proxy = start(config="budgets: [{name: all, cap: $0.02}]\nwait: 300\n")
    lines = run(proxy, "openai", "--calls=150", "--parallel", "--stream", "--max-tokens=300")
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()
    assert 19_500_000 <= provider.nanos() <= 20_000_000
    refused = [line for line in lines if "error" in line]
    assert 30 <= len(refused) <= 50
    assert all("RateLimitError" in line["bases"] for line in refused)


def test_two_proxies_share_one_cap(start: Start, run: Run, provider: ProviderHandle) -> None:
    """A second proxy on the same ledger counts what the first one spent."""
    first, second = start(cap="0.002"), start(cap="0.002")
    run(first, "openai", "--calls=30")
    spent = provider.nanos()
    assert 0 < spent < 2_000_000
    lines = run(second, "openai", "--calls=100")
    assert "error" in lines[-1]
    second.settle()
    assert provider.nanos() <= 2_000_000
    assert first.spent_nanos() == provider.nanos()


def test_a_restart_forgets_nothing(start: Start, run: Run, provider: ProviderHandle) -> None:
    """Killed in the middle of a stream and started again: the stream is on the ledger, at least."""
    proxy = start(cap="0.01")
    run(proxy, "openai", "--calls=2")
    provider.scenario(length="300", token_seconds=0.02)
    with ThreadPoolExecutor() as pool:
        streaming = pool.submit(run, proxy, "openai", "--stream", "--max-tokens=300")
        while provider.bill()["open"] == 0:
            time.sleep(0.01)
        proxy.process.kill()
        assert "Error" in streaming.result()[-1]["error"]
    again = start(cap="0.01")
    again.settle()
    assert again.spent_nanos() >= provider.nanos()
    assert [entry["kind"] for entry in again.entries("kind")].count("assumed") == 1


def test_a_project_in_the_proxy_user_has_a_budget_of_its_own(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """`HTTPS_PROXY=http://name@...` is capped for itself; another name still has its money."""
    config = json.dumps({"budgets": [{"name": "each", "cap": "$0.001", "per": "project"}]})
    proxy = start(config=config)
    lines = run(proxy, "openai", "--calls=100", user="experiment-1")
    assert "error" in lines[-1]
    (line,) = run(proxy, "openai", user="experiment-2")
    assert "error" not in line
    assert provider.nanos() <= 2_000_000
