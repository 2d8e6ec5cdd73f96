"""
Counts the rows of `llmcap audit --holds --json` for the table of providers: by provider and
endpoint, and by what became of them.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PROVIDERS = Path(__file__).parents[1] / "addons" / "llmcap" / "providers"
RECORDED = PROVIDERS / "recorded.json"
REHEARSED = PROVIDERS / "rehearsed.json"

Row = Mapping[str, Any]


def counted(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """How many exchanges of each endpoint there are, sorted by name."""
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["provider"] and row["endpoint"]:
            found[row["provider"], row["endpoint"]] += 1
    counts: dict[str, dict[str, int]] = {}
    for provider, endpoint in sorted(found):
        counts.setdefault(provider, {})[endpoint] = found[provider, endpoint]
    return counts


def verdicts(rows: Iterable[Row]) -> dict[str, Any]:
    """How many exchanges met which verdict, and those that were refused, by why and of whom."""
    found: Counter[tuple[str, str]] = Counter()
    refused: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        found[row["verdict"], row["reason"]] += 1
        if row["verdict"] == "refused":
            key = (row["reason"], row["provider"] or "", row["endpoint"] or "")
            refused.setdefault(key, []).append(row["model"] or "")
    return {
        "verdicts": [[*key, found[key]] for key in sorted(found)],
        "refused": [
            [*key, len(models), sorted(set(filter(None, models)))]
            for key, models in sorted(refused.items())
        ],
    }


def written(document: object) -> str:
    """As it stands in its file."""
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    audited = [json.loads(line) for line in sys.stdin]
    RECORDED.write_text(written(counted(audited)), encoding="utf-8")
    REHEARSED.write_text(written(verdicts(audited)), encoding="utf-8")
