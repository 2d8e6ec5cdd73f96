#!/bin/sh
# LiteLLM's rows of Databricks are converted from another unit: a model of $10 a million tokens is there at $10.00006.
#
# Guess: `input_cost_per_token` of a row is the dollars that its vendor publishes.
# Seen:  it is a rounded number of DBU times $0.07, so no row of the vendor is the published price, and some are below it.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check --no-deps litellm==1.106.2
cat >"$folder/seen.py" <<'END'
import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path

folder = Path(importlib.util.find_spec("litellm").submodule_search_locations[0])
table = json.loads(
    (folder / "model_prices_and_context_window_backup.json").read_text(), parse_float=Decimal
)
print("litellm 1.106.2, dollars for a million tokens")
above = below = 0
for key, row in table.items():
    if row.get("litellm_provider") != "databricks" or "claude" not in key:
        continue
    for name in ("input_cost_per_token", "output_cost_per_token"):
        usd = row[name] * 1_000_000
        near = round(usd, 2)
        above += usd > near
        below += usd < near
        if usd != near and above + below <= 6:
            print(f"{key.removeprefix('databricks/'):34} {name:22} {usd:f}, not {near:f}")
print(f"{above} rates are above a whole cent, {below} below it")
sys.exit(0 if above and below else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
