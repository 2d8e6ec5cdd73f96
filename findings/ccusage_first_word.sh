#!/bin/sh
# ccusage counts an answer at the first of its lines, where the transcript tells it again with all of its output.
#
# Guess: of the lines that share a message id and a request id, the last is counted: it has the whole usage.
# Seen:  the first is, so an answer of 200 tokens that was streamed counts 1.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/home/.claude/projects/p"
cat >"$folder/tree.py" <<'END'
import json
import sys


def line(output):
    """One line of a transcript: a part of the same answer."""
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": output}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
               "content": [], "usage": usage}
    return {"type": "assistant", "sessionId": "s", "requestId": "req_1", "version": "2.1.0", "cwd": "/src",
            "timestamp": "2026-11-20T12:00:00.000Z", "message": message}


with open(sys.argv[1], "w") as file:
    file.writelines(json.dumps(line(output)) + "\n" for output in (1, 200))
END
"${PYTHON:-python3}" "$folder/tree.py" "$folder/home/.claude/projects/p/a.jsonl"
(cd "$folder" && npm install --silent --no-fund --no-audit --prefix "$folder" ccusage@17.2.1 >/dev/null 2>&1)
echo "ccusage 17.2.1; the transcript has one answer, told at 1 and then at 200 tokens of output"
HOME="$folder/home" node "$folder/node_modules/ccusage/dist/index.js" daily --json --offline >"$folder/told.json" 2>/dev/null
"${PYTHON:-python3}" - "$folder/told.json" <<'END'
import json
import sys

totals = json.load(open(sys.argv[1]))["totals"]
print("it counts:", totals["inputTokens"], "in,", totals["outputTokens"], "out")
sys.exit(0 if (totals["inputTokens"], totals["outputTokens"]) == (10, 1) else 1)
END
