#!/bin/sh
# ai-token-counter prices a model that it does not know at $0.001 a million tokens: a tenth of a cent for what costs dollars.
#
# Guess: a model without a price raises, or its cost is None; where a default stands, it is of the order of the others.
# Seen:  1,000,000 tokens in and 100,000 out of Claude Opus 4 are told as $0.0012 and cost $22.50; its table is per
#        million, its default looks like one per thousand. The same of gpt-5, o3 and Claude Sonnet 4, without a word.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ai-token-counter==1.0.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys

from ai_token_counter import estimate_cost

LISTED = ("gpt-4o", "claude-3-opus")
UNLISTED = ("claude-opus-4-20250514", "claude-sonnet-4-20250514", "gpt-5", "o3")

print("ai-token-counter", importlib.metadata.version("ai-token-counter"))
told = {model: estimate_cost(1000000, 100000, model).total_cost_usd for model in LISTED + UNLISTED}
for model, usd in told.items():
    print(f"{model}: ${usd}")
sys.exit(told != {"gpt-4o": 3.5, "claude-3-opus": 22.5, **dict.fromkeys(UNLISTED, 0.0012)})
END
"$folder/venv/bin/python" "$folder/seen.py"
