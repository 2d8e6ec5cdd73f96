#!/bin/sh
# gpt-budget-guard, told a time zone west of UTC, counts what OpenAI bills today as spent yesterday: a daily budget passes.
#
# Guess: `--timezone America/Los_Angeles` moves the budget's day; what was spent an hour ago is today's either way.
# Seen:  $60 of a daily $50, asked at noon in Los Angeles: today $0.00, "pass", exit 0; in UTC $60.00, "fail", exit 1.
#        OpenAI's buckets are whole days of UTC, and each is put on the local day of its first second.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check gpt-budget-guard==0.1.0 tzdata==2026.2
# The two days as OpenAI's Costs API gives them: $40 on 2026-06-09, $60 on 2026-06-10 (UTC).
cat >"$folder/costs.json" <<'END'
{"object": "page", "has_more": false, "next_page": null, "data": [
  {"object": "bucket", "start_time": 1780963200, "end_time": 1781049600, "results": [
    {"object": "organization.costs.result", "amount": {"value": 40.0, "currency": "usd"}}]},
  {"object": "bucket", "start_time": 1781049600, "end_time": 1781136000, "results": [
    {"object": "organization.costs.result", "amount": {"value": 60.0, "currency": "usd"}}]}]}
END
cat >"$folder/seen.py" <<'END'
import json
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])


def checked(zone):
    """What is told at noon in Los Angeles, which is 19:00 in UTC, and the exit code."""
    words = ["--daily-budget", "50", "--timezone", zone, "--as-of", "2026-06-10T19:00:00Z"]
    command = [folder / "venv/bin/gpt-budget-guard", "check", "--input", folder / "costs.json"]
    done = subprocess.run(
        [*command, *words, "--format", "json"], capture_output=True, text=True, cwd=folder
    )
    told = json.loads(done.stdout)
    return told, done.returncode


print("gpt-budget-guard 0.1.0")
codes = []
for zone in ("UTC", "America/Los_Angeles"):
    told, code = checked(zone)
    codes.append(code)
    today = {name: value for name, value in told.items() if "today" in name}
    print(f"{zone:20} {told['status']}, exit code {code}, {today}")
sys.exit(codes != [1, 0])
END
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
