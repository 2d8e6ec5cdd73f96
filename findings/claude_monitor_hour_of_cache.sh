#!/bin/sh
# claude-monitor prices what Claude Code has written to the cache for an hour as if it were for five minutes.
#
# Guess: a transcript says which of the written tokens are for an hour, and those cost twice the input's price, $10 a million.
# Seen:  $6.25 for a million of Opus 4.5's tokens, whichever of the two they were written for.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check claude-monitor==4.0.0
cat >"$folder/seen.py" <<'END'
import datetime
import json
import os
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
WRITTEN = 1_000_000
command = [folder / "venv/bin/claude-monitor"]


def transcript(five_minutes, hour):
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = {
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_creation_input_tokens": WRITTEN,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": hour},
    }
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-5",
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    line = {
        "type": "assistant",
        "timestamp": (now - datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "sessionId": "s",
        "requestId": "req_1",
        "uuid": "u",
        "cwd": "/project",
        "version": "2.1.197",
        "message": message,
    }
    return json.dumps(line, separators=(",", ":")) + "\n"


def cost(name, *parts):
    home = folder / name
    project = home / ".claude/projects/project"
    project.mkdir(parents=True)
    (project / "s.jsonl").write_text(transcript(*parts))
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    said = subprocess.run(
        [*command, "--once", "--view", "daily", "--output", "json"], env=environ, text=True, capture_output=True
    )
    told = json.loads(said.stdout)["local"]
    print(f"{name}: {told['tokens']['cache_creation_input_tokens']} written, ${told['cost_usd']:.2f}")
    return round(told["cost_usd"], 2)


version = subprocess.run([*command, "--version"], env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                         text=True, capture_output=True)
print(version.stdout.strip())
short = cost("five_minutes", WRITTEN, 0)
long = cost("hour", 0, WRITTEN)
sys.exit(0 if short == long == 6.25 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
