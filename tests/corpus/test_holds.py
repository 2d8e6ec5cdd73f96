"""
Promise: what is held for a call is at least what it costs, on recorded traffic of real providers.

`llmcap audit --holds` sends each exchange through the walk of live traffic. What it settles is the
bill, and what it refuses is listed, with its number and reason, in the README of the providers.
"""

import json
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.screens import catalogue

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
FILES = ("exchanges", "ws", "grpc")

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="no recorded traffic at ../shared/corpus"
)

# A session is rounded up turn by turn, and audited as a whole.
ROUNDED = Decimal("1e-8")

# The recorder put three words in the place of a prompt of 66 kB.
SHORTENED = ("7d8916571a7f484c", "b9aacd57654f8540")

# What passes and holds nothing: the bill of an earlier call, or of a call that was never seen.
HOLDS_NOTHING = {
    "free", "nothing that was ordered here", "read ahead", "told later", "unknown endpoint",
}  # fmt: skip


@cache
def rows(name: str) -> list[dict[str, Any]]:
    """The command's own JSON."""
    arguments = ["audit", "--holds", "--json", str(CORPUS / f"{name}.jsonl")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def held(name: str) -> list[dict[str, Any]]:
    """The exchanges that hold something."""
    return [row for row in rows(name) if row["held_usd"] is not None]


@pytest.mark.parametrize("name", FILES)
def test_no_call_costs_more_than_was_held(name: str) -> None:
    """But for those whose request was not recorded as it was sent, which say so."""
    above = {
        row["id"]: (row["provider"], row["endpoint"], row["held_usd"], row["cost_usd"])
        for row in held(name)
        if row["cost_usd"] is not None and Decimal(row["cost_usd"]) > Decimal(row["held_usd"])
    }
    assert set(above) == (set(SHORTENED) if name == "exchanges" else set()), above
    for row in held(name):
        if row["id"] in above:
            assert any("were not recorded" in text for text in row["told"]), row["told"]


@pytest.mark.parametrize("name", FILES)
def test_every_billed_call_is_held_or_refused(name: str) -> None:
    """None goes on without a hold: what holds nothing costs nothing itself."""
    loose = [
        (row["id"], row["verdict"], row["reason"])
        for row in rows(name)
        if row["held_usd"] is None and row["verdict"] != "refused"
        if row["billable"] or row["reason"] not in HOLDS_NOTHING
    ]
    assert not loose


@pytest.mark.parametrize("name", FILES)
def test_every_hold_is_the_sum_of_its_parts(name: str) -> None:
    """Rounded up once for each call, and every part says who bounds it."""
    for row in held(name):
        parts = sum((Decimal(part["usd"]) for part in row["held"]), Decimal(0))
        assert 0 <= Decimal(row["held_usd"]) - parts < ROUNDED, row["id"]
        assert all(part["by"] for part in row["held"]), row["id"]


@pytest.mark.parametrize("name", FILES)
def test_what_is_held_for_is_settled_as_it_is_billed(name: str) -> None:
    """The walk and the audit of the same exchange come to the same cost."""
    wrong = {
        row["id"]: (row["settled_usd"], row["cost_usd"])
        for row in held(name)
        if row["cost_usd"] is not None and not row["assumed"] and row["settled_usd"] is not None
        if not 0 <= Decimal(row["settled_usd"]) - Decimal(row["cost_usd"]) < ROUNDED
    }
    assert not wrong
    assert any(row["settled_usd"] for row in held(name))


def test_what_is_no_call_to_a_model_passes() -> None:
    """Neither held nor refused."""
    others = [row for row in rows("nonllm") if row["verdict"] != "passed"]
    assert not others


def test_the_verdicts_are_those_of_the_table() -> None:
    """`scripts/provider_table ../shared/corpus/exchanges.jsonl` counts them anew."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from count_recorded import verdicts  # noqa: PLC0415
    finally:
        sys.path.pop(0)
    assert json.loads(catalogue.REHEARSED.read_text("utf-8")) == verdicts(rows("exchanges"))
