#!/bin/sh
# ccusage does not see a line of a transcript that has a space behind a colon, and says nothing of it.
#
# Guess: a line is JSON, so that whatever space is in it, its answer is counted.
# Seen:  only what is written without any is. A transcript that went through Python's `json.dumps` counts nothing, without a
#        word and with the exit code 0.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/tree.py" <<'END'
import json
import sys
from pathlib import Path

usage = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5}
message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
           "content": [], "usage": usage}
line = {"type": "assistant", "sessionId": "s", "requestId": "req_1", "version": "2.1.0", "cwd": "/src",
        "timestamp": "2026-11-20T12:00:00.000Z", "message": message}
for name, separators in (("compact", (",", ":")), ("spaced", (", ", ": "))):
    path = Path(sys.argv[1], name, ".claude", "projects", "p", "a.jsonl")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(line, separators=separators) + "\n")
END
"${PYTHON:-python3}" "$folder/tree.py" "$folder"
(cd "$folder" && npm install --silent --no-fund --no-audit --prefix "$folder" ccusage@20.0.24 >/dev/null 2>&1)
echo "ccusage 20.0.24; one answer of 10 tokens in and 5 out, written in two ways"
for name in compact spaced; do
    env -i PATH="$PATH" HOME="$folder/$name" TZ=UTC node "$folder/node_modules/ccusage/src/cli.js" claude daily --json --offline \
        >"$folder/$name.json" 2>/dev/null
done
"${PYTHON:-python3}" - "$folder" <<'END'
import json
import sys
from pathlib import Path

told = {}
for name in ("compact", "spaced"):
    totals = json.loads(Path(sys.argv[1], f"{name}.json").read_text())["totals"]
    told[name] = (totals["inputTokens"], totals["outputTokens"])
    print(f"{name}: it counts {told[name][0]} in, {told[name][1]} out")
sys.exit(0 if told == {"compact": (10, 5), "spaced": (0, 0)} else 1)
END
