"""
`llmcap audit` over small cases made from what vendors document and people report.

Each case stands for a kind, and says what is right and why.
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

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no cases at ../shared/cases")


def cases() -> Iterator[Any]:
    """Every case of every file, under the file's name and its own."""
    for path in sorted(CASES.glob("*.expected.json")):
        name = path.name.removesuffix(".expected.json")
        for case in json.loads(path.read_text("utf-8")):
            yield pytest.param(name, case, id=f"{name}:{case['id']}")


@cache
def audited(name: str) -> dict[str, dict[str, Any]]:
    """The command's own JSON for a file of exchanges, by their ids."""
    result = CliRunner().invoke(main, ["audit", "--json", str(CASES / f"{name}.jsonl")])
    assert result.exit_code == 0, result.output
    return {row["id"]: row for row in map(json.loads, result.stdout.splitlines())}


@pytest.mark.parametrize(("name", "case"), list(cases()))
def test_a_case_costs_what_its_vendor_bills(name: str, case: dict[str, Any]) -> None:
    """To the nano-dollar."""
    row = audited(name)[case["id"]]
    assert row["cost_usd"] is not None, row["note"]
    assert Decimal(row["cost_usd"]) == Decimal(case["expected_usd"]), case["why"]
