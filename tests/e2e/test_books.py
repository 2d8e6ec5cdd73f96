"""The ledger equals the provider's bill, to the nano-dollar, whatever the API and the answer."""

import pytest

from fake_provider.process import ProviderHandle

from .conftest import Run, Start

PROGRAMS = {
    "openai": (
        '--calls=3 + --calls=3 --stream + --extra={"n":3} + --calls=4 --parallel '
        "+ --calls=4 --parallel --stream + --api=responses --model=gpt-5-mini "
        "+ --api=responses --model=gpt-5-mini --stream + --api=embeddings --calls=2"
    ),
    "anthropic": "--calls=3 + --calls=3 --stream + --calls=4 --parallel --stream",
    "gemini": "--calls=3 + --calls=3 --stream + --calls=3 --parallel + --parallel --stream",
}

SCENARIOS: dict[str, dict[str, object]] = {
    "plain": {},
    "hidden reasoning, cached input": {"reasoning": 40, "cached": 7},
    "gzip in small pieces, until the connection closes": {
        "encoding": "gzip",
        "batch_bytes": 9,
        "close": True,
    },
    "several tokens an event, heavy-tailed": {"tokens_per_event": 7, "length": "heavy:40"},
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_ledger_equals_the_bill(
    start: Start, run: Run, provider: ProviderHandle, scenario: dict[str, object]
) -> None:
    """Every API, streamed or not, one after the other and at once: call by call the same cost."""
    proxy = start(cap="5")
    provider.scenario(**scenario)
    for program, plans in PROGRAMS.items():
        lines = run(proxy, program, *plans.split())
        assert not [line for line in lines if "error" in line], proxy.log()
    proxy.settle()
    entries = proxy.entries("kind, cost_nanos")
    assert {entry["kind"] for entry in entries} == {"hold", "settled"}
    costs = [entry["cost_nanos"] for entry in entries if entry["kind"] == "settled"]
    assert sorted(costs) == sorted(int(record["nanos"]) for record in provider.bill()["records"])
    assert proxy.spent_nanos() == provider.nanos() > 0


def test_cache_writes_are_on_the_books(start: Start, run: Run, provider: ProviderHandle) -> None:
    """Anthropic's tokens written to a cache cost more than those that are read."""
    proxy = start(cap="5")
    provider.scenario(cached=5, cache_write=9)
    run(proxy, "anthropic", "--calls=2", "+", "--stream", "--calls=2")
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos() > 0


def test_usage_that_was_not_asked_for_is_metered_and_not_shown(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """A chat stream without `include_usage` costs what it costs, and the program sees no usage."""
    proxy = start(cap="5")
    (line,) = run(proxy, "openai", "--stream")
    assert line == {"words": 60, "bare": 0}
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()


def test_the_providers_own_errors_are_free(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """They reach the program as they are, cost nothing, and hold nothing any more."""
    proxy = start(cap="5")
    for program, status in (("anthropic", 400), ("gemini", 429), ("gemini", 500)):
        provider.scenario(status=status)
        (line,) = run(proxy, program)
        assert line["status"] == status
        assert "fake provider" in line["message"]
    proxy.settle()
    assert proxy.spent_nanos() == 0
    assert {entry["kind"] for entry in proxy.entries("kind")} == {"hold", "released"}


@pytest.mark.parametrize("program", ["openai", "anthropic", "gemini"])
def test_a_broken_stream_is_never_free(
    start: Start, run: Run, provider: ProviderHandle, program: str
) -> None:
    """An error event, a reset, an end too soon: the ledger has at least the bill, and no hold."""
    proxy = start(cap="5")
    for finish in ("error", "reset", "eof"):
        provider.scenario(length="200", finish=finish, finish_after=100, token_seconds=0.001)
        run(proxy, program, "--stream")
    proxy.settle()
    assert [record["ended"] for record in provider.bill()["records"]] == ["error", "reset", "eof"]
    assert proxy.spent_nanos() >= provider.nanos() > 0, proxy.log()


def test_free_endpoints_cost_nothing(start: Start, run: Run, provider: ProviderHandle) -> None:
    """Listing models, counting tokens, moderation and telemetry pass, at a cap of nothing."""
    proxy = start(cap="0")
    (line,) = run(proxy, "free")
    assert line == {"models": True, "tokens": True, "moderation": True, "telemetry": 200}
    assert proxy.spent_nanos() == provider.nanos() == 0
