#!/bin/sh
# gpt-token-tracker bills cached tokens of OpenAI's at the full price and at the cached price: more than if nothing had been cached.
#
# Guess: of 100,000 tokens in, 90,000 of them cached, 10,000 have the price `text_in` and 90,000 `cached_text_in`: $0.00475 by its README.
# Seen:  $0.02725, nearly six times that; without the cache the same call is told as $0.025. OpenAI's `input_tokens` has the cached ones in it.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check gpt-token-tracker==0.5.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys

from gpt_token_tracker.pricing import PricingTextCompletion
from openai.types.responses import ResponseUsage

PRICES = {"text_in": 0.25, "cached_text_in": 0.025, "text_out": 2.00}  # a million tokens, of gpt-5-mini, as its README has them
IN = 100_000


def cost(cached):
    """Dollars of a response of no output, of whose input so much was read from the cache."""
    usage = ResponseUsage.model_validate(
        {
            "input_tokens": IN,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": IN,
        }
    )
    return round(PricingTextCompletion({"gpt-5-mini": PRICES}).compute_costs(usage, "gpt-5-mini").total_cost, 5)


for name in ("gpt-token-tracker", "openai"):
    print(name, importlib.metadata.version(name))
seen = {cached: cost(cached) for cached in (0, 90_000)}
for cached, told in seen.items():
    owed = ((IN - cached) * PRICES["text_in"] + cached * PRICES["cached_text_in"]) / 1e6
    print(f"{cached:,} of {IN:,} tokens cached: ${owed:.5f} to pay, ${told} told")
sys.exit(seen != {0: 0.025, 90_000: 0.02725})
END
"$folder/venv/bin/python" "$folder/seen.py"
