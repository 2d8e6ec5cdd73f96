#!/bin/sh
# A price that rises on a day that was announced: what do two packages of prices say of a call after it?
#
# Guess: the same; the rise of Gemini 4 Argon to $4 and $20 for a million tokens, from 2026-12-01 on, was
# known for weeks, and both packages were made after that.
# Seen with litellm 1.110.2 and genai-prices 0.2.3: half. Prices of genai-prices have a day on which they
# begin; those of litellm have none: they are those of the day on which its table was made, for
# calls of any day. A budget by litellm's own table lets twice as much pass since that day.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check litellm==1.110.2 genai-prices==0.2.3
cat >"$work/ask.py" <<'END'
from datetime import UTC, datetime
from importlib.metadata import version

import litellm
from genai_prices import Usage, calc_price

MILLION = 1_000_000
model = "gemini-4-argon"
usage = Usage(input_tokens=MILLION, output_tokens=MILLION)
dated = [
    float(calc_price(usage, model, provider_id="google",
                     genai_request_timestamp=datetime(2026, month, day, tzinfo=UTC)).total_price)
    for month, day in ((11, 30), (12, 2))
]
undated = sum(litellm.cost_per_token(f"gemini/{model}", prompt_tokens=MILLION,
                                     completion_tokens=MILLION))
print("guess: a million tokens in and out cost the same by both, after the rise too")
print(f"genai-prices {version('genai-prices')}: ${dated[0]:g} on November 30, ${dated[1]:g} on December 2")
print(f"litellm {version('litellm')}: ${undated:g} on any day")
raise SystemExit(0 if dated == [12, 24] and undated == 12 else 1)
END
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/venv/bin/python" "$work/ask.py"
