"""
`llmcap audit` over recorded traffic of real providers, against an oracle that is not ours.

Counts must be exact everywhere; money to the nano-dollar where the provider itself told the bill,
where two public price books agree, or where a person settled it.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.cli import main

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
EXCHANGES = CORPUS / "exchanges.jsonl"

pytestmark = pytest.mark.skipif(
    not EXCHANGES.is_file(), reason=f"no recorded traffic at ../shared/corpus ({EXCHANGES.name})"
)


# How sure the oracle is of its figure; only these are held to the nano-dollar.
SURE = ("provider-billed", "two books agree", "adjudicated", "adjudicated (alias)")


@cache
def audited() -> dict[str, dict[str, Any]]:
    """The command's own JSON, by the id of the exchange."""
    result = CliRunner().invoke(main, ["audit", "--json", str(EXCHANGES)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["id"] for row in rows] == [each["id"] for each in expected()], "one each, in order"
    return {row["id"]: row for row in rows}


@cache
def expected() -> list[dict[str, Any]]:
    """The oracle's rows."""
    lines = (CORPUS / "expected.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def providers() -> list[str]:
    """Everyone whose traffic was recorded."""
    return sorted({each["provider"] for each in expected()}) if EXCHANGES.is_file() else []


def sure_of(provider: str) -> list[dict[str, Any]]:
    """The oracle's rows of a provider that we are held to."""
    return [
        each
        for each in expected()
        if each["provider"] == provider
        and each.get("confidence") in SURE
        and each.get("expected_usd") is not None
        and each["id"] not in PROVEN_WRONG
    ]


def pairs(provider: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What the oracle says of a provider's exchanges, and what we do."""
    for each in expected():
        if each["provider"] == provider:
            yield each, audited()[each["id"]]


PROVEN_WRONG = (
    # A guardrail of Bedrock's rewrote the answer, whose body has no output tokens: the oracle bills
    # none. Its head counts 51 (`x-amzn-bedrock-output-token-count`), as many as the text has.
    "306fd96b651eb2f6",
    # The trace tells six policy units of a guardrail, which the oracle does not bill.
    "041d250cffeb9b49",
)

# What the price book says is free, though it is no server of the user's own: models that a plan
# includes (Copilot), previews, and the free variants of a router.
GIVEN_AWAY = ("cerebras", "github-copilot", "openrouter", "zai")


def told(oracle: dict[str, Any], name: str) -> int | None:
    """
    The oracle's count of what is billed.

    Anthropic's own total leaves out compaction and advisor passes, which are on the bill: where
    there are any, the oracle has the sum of all passes beside it.
    """
    usage = oracle["usage"]
    count = usage.get(f"iterations_{name}", usage.get(name))
    assert count is None or isinstance(count, int)
    return count


def tier_unpriced_then(oracle: dict[str, Any]) -> bool:
    """
    Whether the oracle took the standard price because its book had no other at that time.

    A call that was served at a service tier was billed at that tier's price; the same book's price
    of today, which knows the tiers, is what we are held to.
    """
    book = oracle.get("gp") or {}
    tiered = oracle["service_tier"] in ("flex", "priority")
    return bool(tiered and book.get("usd_now") != book.get("usd_then"))


@pytest.mark.parametrize("provider", providers())
def test_every_bill_is_known_as_one(provider: str) -> None:
    """And nothing that is free is taken for one."""
    wrong = {
        oracle["id"]: (oracle["endpoint"], oracle["billable"], ours["note"])
        for oracle, ours in pairs(provider)
        if oracle["billable"] != ours["billable"]
    }
    assert not wrong


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize("name", ["input_tokens", "output_tokens", "cache_read", "reasoning"])
def test_every_count_is_exact(provider: str, name: str) -> None:
    """Of each exchange whose usage the provider told."""
    wrong = {
        oracle["id"]: (oracle["endpoint"], told(oracle, name), (ours["usage"] or {}).get(name))
        for oracle, ours in pairs(provider)
        if (oracle["billable"] or oracle["deferred"])
        and told(oracle, name) is not None
        and told(oracle, name) != (ours["usage"] or {}).get(name)
    }
    assert not wrong


@pytest.mark.parametrize("provider", providers())
def test_every_sure_cost_is_exact(provider: str) -> None:
    """Rounded up to the nano-dollar, once."""
    wrong = {}
    for oracle in sure_of(provider):
        ours = audited()[oracle["id"]]
        usd = oracle["gp"]["usd_now"] if tier_unpriced_then(oracle) else oracle["expected_usd"]
        cost = Decimal(ours["cost_usd"] or -1)
        if not 0 <= cost - Decimal(repr(usd)).quantize(Decimal("1e-11")) < Decimal("1e-9"):
            wrong[oracle["id"]] = (oracle["endpoint"], usd, ours["cost_usd"], ours["note"])
    assert not wrong


def test_hundreds_of_costs_are_sure() -> None:
    """So that the test above cannot be empty without anyone noticing."""
    assert sum(len(sure_of(provider)) for provider in providers()) >= 300


@pytest.mark.parametrize("provider", providers())
def test_nothing_that_costs_is_free(provider: str) -> None:
    """A bill is never zero, but for what a price says is given away, and what comes later."""
    wrong = {
        oracle["id"]: (oracle["model_requested"], ours["note"])
        for oracle, ours in pairs(provider)
        if oracle["billable"] and ours["cost_usd"] is not None and not Decimal(ours["cost_usd"])
    }
    if provider == "local" or provider in GIVEN_AWAY:
        assert all(not expected_usd(id_) or ":free" in wrong[id_][0] for id_ in wrong)
    else:
        assert all("comes with a later request" in note for _, note in wrong.values()), wrong


def expected_usd(exchange_id: str) -> float:
    """What the oracle thinks that an exchange cost; 0 where it does not know."""
    found = next(each for each in expected() if each["id"] == exchange_id)
    return found.get("expected_usd") or 0.0


@pytest.mark.parametrize("provider", providers())
def test_nothing_that_is_free_is_charged(provider: str) -> None:
    """Neither lists and counts, nor what a provider refused."""
    wrong = {
        oracle["id"]: (oracle["endpoint"], ours["cost_usd"])
        for oracle, ours in pairs(provider)
        if not (oracle["billable"] or oracle["deferred"]) and Decimal(ours["cost_usd"] or 0)
    }
    assert not wrong
