"""What of the packages' fields, read from stdin, `fields/` does not have; else they are kept."""

import json
import sys
from pathlib import Path

from llmcap.providers.parts.declarations import undeclared

KEPT = Path(__file__).resolve().parents[1] / "tests" / "data" / "package_fields.json"


def main() -> int:
    """Print them, a line for each format, and what came and went since the last time."""
    told = sys.stdin.read()
    found = json.loads(told)["fields"]
    kept = json.loads(KEPT.read_text("utf-8"))["fields"] if KEPT.exists() else {}
    for fields in sorted(found.keys() | kept.keys()):
        new, old = set(found.get(fields, ())), set(kept.get(fields, ()))
        for mark, names in (("+", new - old), ("-", old - new)):
            for name in sorted(names):
                print(f"{mark} {fields}: {name}")
    missing = [f"{fields}: {name}" for fields, names in found.items()
               for name in undeclared(fields, names)]  # fmt: skip
    for line in missing:
        print(f"not declared: {line}")
    if missing:
        return 1
    KEPT.write_text(told, "utf-8")
    print("every field of the packages is declared")
    return 0


if __name__ == "__main__":
    sys.exit(main())
