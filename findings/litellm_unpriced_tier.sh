#!/bin/sh
# LiteLLM bills a service tier that a model's row has no rates for at the standard rates, and batches in full.
#
# Guess: a tier that is asked for and has no price raises, or costs what the vendor's documents say: half for a batch.
# Seen:  `cost_per_token` gives the standard price for it, the same as for no tier at all, and no word of that.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check litellm==1.83.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm


def cost(model, tier):
    """Dollars for a million tokens in and a million out."""
    return sum(
        litellm.cost_per_token(
            model=model, prompt_tokens=10**6, completion_tokens=10**6, service_tier=tier
        )
    )


print("litellm", importlib.metadata.version("litellm"))
shown = {
    (model, tier): round(cost(model, tier), 6)
    for model in ("gpt-5", "gpt-4.1")
    for tier in (None, "priority", "flex", "batch")
}
for (model, tier), usd in shown.items():
    print(f"{model:8} {tier or 'no tier':9} ${usd}")
row = litellm.model_cost["gpt-5"]
print("the row's own rates for batches:", {k: v for k, v in row.items() if "batch" in k})
changed = (
    shown["gpt-5", "batch"] != shown["gpt-5", None]
    or shown["gpt-4.1", "flex"] != shown["gpt-4.1", None]
    or shown["gpt-5", "flex"] == shown["gpt-5", None]
)
sys.exit(1 if changed else 0)
END
"$folder/venv/bin/python" "$folder/seen.py"
