#!/bin/sh
# tetherai counts a call of LiteLLM's `acompletion` before it is made, by a guess of its input; its output is for free.
#
# Guess: a limit of $0.05 stops the work at the same call, whether LiteLLM is called by `completion` or `acompletion`.
# Seen:  with the first nine of thirty calls of $0.006 are made; with the second all thirty, $0.18, without an error.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tetherai-python==0.1.31 litellm==1.110.2
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from tetherai import tether

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
asked = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hello"}],
    "api_base": f"http://127.0.0.1:{server.server_port}/v1",
    "api_key": "none",
}


@tether.enforce_budget(max_usd=0.05, trace_export="none")
def one_after_another():
    for _ in range(CALLS):
        litellm.completion(**asked)


@tether.enforce_budget(max_usd=0.05, trace_export="none")
async def asynchronously():
    for _ in range(CALLS):
        await litellm.acompletion(**asked)


def made(work):
    """How many calls were made, and how they ended."""
    answered.clear()
    try:
        work()
    except Exception as stopped:
        return len(answered), type(stopped).__name__
    return len(answered), "not stopped"


for name in ("tetherai-python", "litellm"):
    print(name, importlib.metadata.version(name))
called = made(one_after_another)
awaited = made(lambda: asyncio.run(asynchronously()))
for how, (calls, end) in {"completion": called, "acompletion": awaited}.items():
    print(f"{how}: {calls} of {CALLS} calls of $0.006 made under $0.05, {end}")
sys.exit((called, awaited) != ((9, "BudgetExceededError"), (CALLS, "not stopped")))
END
"$folder/venv/bin/python" "$folder/seen.py"
