"""
How much more is held than a call costs, by kind of call: median and 90th percentile.

    llmcap audit --holds --json TRAFFIC > now.jsonl
    python scripts/tightness.py now.jsonl [before.jsonl] [--told told.jsonl]

With the same of another build beside it, the two are compared call by call: both of a line are of
the same calls, each by what its own build says that it cost, where it says that. Calls with a field
that nobody has read count by themselves.

A call whose request leaves its tier to the account is held at the dearest that this may have.
`told.jsonl` is the same under a config that tells it (`account: {openai: {default_tier: standard}}`
and so on): calls that are held otherwise there count as they are there, and by themselves as here.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

ALL = "all"
UNTOLD = "tier not told"
COLUMNS = "{:<56} {:>5} {:>11} {:>11} {:>11} {:>11}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("now", type=Path)
    parser.add_argument("before", type=Path, nargs="?")
    parser.add_argument("--told", type=Path)
    options = parser.parse_args()
    now = read(options.now)
    before = read(options.before) if options.before else {}
    print(COLUMNS.format("kind", "calls", "median", "90 %", "before", "before 90 %"))
    if options.told:
        told = read(options.told)
        untold = {each: row for each, row in now.items() if differs(row, told[each])}
        show(now | {each: told[each] for each in untold}, before)
        show(untold, before, f"{UNTOLD}: ")
    else:
        show(now, before)


def show(now: Mapping[str, Row], before: Mapping[str, Row], begins: str = "") -> None:
    """A line for each kind."""
    for kind, ids in sorted(by_kind(now, before).items()):
        mine = sorted(ratio(now[each], now[each]) for each in ids)
        theirs = sorted(ratio(before[each], now[each]) for each in ids) if before else []
        cells = [figures(mine, 50), figures(mine, 90), figures(theirs, 50), figures(theirs, 90)]
        print(COLUMNS.format(begins + kind, len(ids), *cells))


def differs(row: Row, told: Row) -> bool:
    """Whether it is held otherwise where the config tells more."""
    return bool(row["held_usd"] != told["held_usd"])


def read(path: Path) -> dict[str, Row]:
    """The rows by their id."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def by_kind(now: Mapping[str, Row], before: Mapping[str, Row]) -> dict[str, list[str]]:
    """The calls of each kind that were held and cost something, here and in the other build."""
    found: dict[str, list[str]] = {}
    for each, row in now.items():
        told = row["held_usd"] and row["cost_usd"] and Decimal(row["cost_usd"])
        if told and not row["deferred"] and (not before or before.get(each, {}).get("held_usd")):
            for kind in kinds(row):
                found.setdefault(kind, []).append(each)
    return found


def kinds(row: Row) -> Iterator[str]:
    """All, and what is asked: of a model that writes, whether the request limits that."""
    parts = {part["what"]: part for part in row["held"]}
    if any("nobody knows what the field" in part["unbounded"] for part in parts.values()):
        yield "with a field that nobody has read"
        return
    yield ALL
    words = [row["endpoint"]]
    if "output" in parts:
        by_request = parts["output"]["by"] == "the limit of the request"
        words.append("limited" if by_request else "no limit")
    if media := sorted(parts.keys() & {"image", "audio", "video", "file"}):
        words.append(" and ".join(media))
    if "units of the output" in parts:
        words.append("guardrail")
    yield ", ".join(words)


def ratio(held: Row, cost: Row) -> Decimal:
    """How many times the cost was held; `cost` is another build's where `held` tells none."""
    return Decimal(held["held_usd"]) / Decimal(held["cost_usd"] or cost["cost_usd"])


def figures(ratios: Sequence[Decimal], percent: int) -> str:
    """One of the values: that which so many percent are not above."""
    if not ratios:
        return ""
    return f"{ratios[-(-len(ratios) * percent // 100) - 1]:,.2f}"


if __name__ == "__main__":
    main()
