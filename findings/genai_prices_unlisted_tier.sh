#!/bin/sh
# genai-prices bills a tier that its row has no rates for at the standard price, also where its own comment has the factor.
#
# Guess: a call at `priority` of which the row's comment says "1.8x" costs 1.8 times as much, or asking for it raises.
# Seen:  it costs what a call without a tier does; so does a batch of a day before the variant was written down.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check genai-prices==0.2.3
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys
from datetime import datetime, timezone

from genai_prices import Usage, calc_price

MODEL = "gemini-4-argon"


def dollars(day, **context):
    """Dollars for a million tokens in and a million out."""
    at = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
    usage = Usage(input_tokens=10**6, output_tokens=10**6)
    made = calc_price(usage, MODEL, provider_id="google", genai_request_timestamp=at, price_context=context)
    return made


print("genai-prices", importlib.metadata.version("genai-prices"))
row = dollars("2026-12-02").model
print("the row says:", row.price_comments.partition("Introductory")[0])
shown = {
    (day, word): dollars(day, **({"processing": word} if word else {})).total_price
    for day in ("2026-09-20", "2026-12-02")
    for word in ("", "batch", "priority", "flex")
}
for (day, word), usd in shown.items():
    print(f"{day} {word or 'no tier':9} ${usd}")
later = {word: shown["2026-12-02", word] for word in ("", "batch", "priority", "flex")}
earlier = {word: shown["2026-09-20", word] for word in ("", "batch")}
changed = (
    later["priority"] != later[""]
    or later["flex"] != later[""]
    or later["batch"] * 2 != later[""]
    or earlier["batch"] != earlier[""]
    or "1.8x" not in row.price_comments
)
sys.exit(1 if changed else 0)
END
"$folder/venv/bin/python" "$folder/seen.py"
