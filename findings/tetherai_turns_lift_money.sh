#!/bin/sh
# tetherai's limit of turns stops nothing, and takes the limit of money away: what comes after the last turn is not counted.
#
# Guess: of `max_usd=0.05` and `max_turns=3` the one that is reached first stops the work: the fourth call is not made.
# Seen:  with `max_usd` alone nine of thirty calls of $0.006 are made; with both, all thirty are, without an error.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tetherai-python==0.1.31 litellm==1.110.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from tetherai import BudgetExceededError, tether

CALLS = 30
answered = []


class Provider(BaseHTTPRequestHandler):
    """$0.006 a call of gpt-4o."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answered.append(self.path)
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500},
        }
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"


def work():
    for _ in range(CALLS):
        litellm.completion(
            model="gpt-4o",
            messages=[{"role": "user", "content": "hello"}],
            api_base=url,
            api_key="none",
        )


def made(**limits):
    """How many calls were made under these limits, and how they ended."""
    answered.clear()
    try:
        tether.enforce_budget(trace_export="none", **limits)(work)()
    except Exception as stopped:
        return len(answered), type(stopped).__name__
    return len(answered), "not stopped"


for name in ("tetherai-python", "litellm"):
    print(name, importlib.metadata.version(name))
money = made(max_usd=0.05)
both = made(max_usd=0.05, max_turns=3)
for limits, (calls, end) in {"at most $0.05": money, "at most $0.05 and 3 turns": both}.items():
    print(f"{limits}: {calls} of {CALLS} calls of $0.006 made, {end}")
sys.exit((money, both) != ((9, "BudgetExceededError"), (CALLS, "not stopped")))
END
"$folder/venv/bin/python" "$folder/seen.py"
