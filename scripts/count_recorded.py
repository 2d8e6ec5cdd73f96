"""Counts the rows of `llmcap audit --json` by provider and endpoint, for the table of providers."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "addons" / "llmcap" / "providers" / "recorded.json"


def counted(lines: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many exchanges of each endpoint there are, sorted by name."""
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        row = json.loads(line)
        if row["provider"] and row["endpoint"]:
            found[row["provider"], row["endpoint"]] += 1
    counts: dict[str, dict[str, int]] = {}
    for provider, endpoint in sorted(found):
        counts.setdefault(provider, {})[endpoint] = found[provider, endpoint]
    return counts


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(counted(sys.stdin), indent=1) + "\n", encoding="utf-8")
