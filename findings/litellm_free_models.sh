#!/bin/sh
# A chat model that LiteLLM lists without a rate costs nothing, and nothing says so.
#
# Guess: a model that is known and has no price raises, as one does that is unknown.
# Seen:  `cost_per_token` gives 0 for a million tokens; a budget that is kept with it never ends.
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

litellm.suppress_debug_info = True


def cost(model):
    """Dollars for a million tokens in and a million out, or the name of the error."""
    try:
        return sum(
            litellm.cost_per_token(model=model, prompt_tokens=10**6, completion_tokens=10**6)
        )
    except Exception as error:
        return type(error).__name__


print("litellm", importlib.metadata.version("litellm"))
listed = [
    name
    for name, row in litellm.model_cost.items()
    if row.get("mode") == "chat"
    and "tiered_pricing" not in row
    and not any("cost" in key and value for key, value in row.items())
]
print(f"{len(listed)} chat models are listed without a rate; some of them:")
names = ("codestral/codestral-latest", "dashscope/qwen3-30b-a3b")
seen = {name: cost(name) for name in names}
for name, usd in seen.items():
    print(f"  {name}: {usd}")
unknown = cost("nobody/knows-this-model")
print(f"  a model that is not listed: {unknown}")
free = [usd for name, usd in seen.items() if name in listed and usd == 0]
sys.exit(0 if len(free) >= 2 and isinstance(unknown, str) else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
