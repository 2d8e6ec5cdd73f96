"""What of the packages' fields, read from stdin, `declared.toml` does not have."""

import json
import sys

from llmcap.providers.parts.declared import undeclared


def main() -> int:
    """Print them, a line for each format."""
    missing = 0
    for fields, names in json.load(sys.stdin).items():
        for name in undeclared(fields, names):
            print(f"{fields}: {name}")
            missing += 1
    if not missing:
        print("every field of the packages is declared")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
