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

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
EXCHANGES = CORPUS / "exchanges.jsonl"

pytestmark = pytest.mark.skipif(
    not EXCHANGES.is_file(), reason=f"no recorded traffic at ../shared/corpus ({EXCHANGES.name})"
)

PROVIDERS = ("openai", "anthropic", "google")

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
    return [json.loads(line) for line in (CORPUS / "expected.jsonl").open()]


def pairs(provider: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What the oracle says of a provider's exchanges, and what we do."""
    for each in expected():
        if each["provider"] == provider:
            yield each, audited()[each["id"]]


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


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_bill_is_known_as_one(provider: str) -> None:
    """And nothing that is free is taken for one."""
    wrong = {
        oracle["id"]: (oracle["endpoint"], oracle["billable"], ours["note"])
        for oracle, ours in pairs(provider)
        if oracle["billable"] != ours["billable"]
    }
    assert not wrong


@pytest.mark.parametrize("provider", PROVIDERS)
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


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_sure_cost_is_exact(provider: str) -> None:
    """Rounded up to the nano-dollar, once."""
    wrong = {}
    checked = 0
    for oracle, ours in pairs(provider):
        if oracle.get("confidence") not in SURE or oracle.get("expected_usd") is None:
            continue
        checked += 1
        usd = oracle["gp"]["usd_now"] if tier_unpriced_then(oracle) else oracle["expected_usd"]
        cost = Decimal(ours["cost_usd"] or -1)
        if not 0 <= cost - Decimal(repr(usd)).quantize(Decimal("1e-11")) < Decimal("1e-9"):
            wrong[oracle["id"]] = (oracle["endpoint"], usd, ours["cost_usd"], ours["note"])
    assert checked
    assert not wrong
