#!/bin/sh
# shekel's budget sees nothing of calls in a pool of threads, or to OpenAI's Responses: $0.00 spent, no warning.
#
# Guess: inside `with budget(max_usd=0.02)` the calls of the block count, whichever thread makes them.
# Seen:  twenty calls of $0.006: stopped at the fourth from the block's own thread; from a pool all twenty, counted $0.00.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check shekel==1.2.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from shekel import BudgetExceededError, budget

CALLS = 20
CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
    ],
    "usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500},
}
RESPONSE = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o",
    "status": "completed",
    "output": [],
    "usage": {"input_tokens": 1200, "output_tokens": 300, "total_tokens": 1500},
}


class Provider(BaseHTTPRequestHandler):
    """$0.006 a call, over either API."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(RESPONSE if self.path.endswith("/responses") else CHAT).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(
    api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0
)


def chat(_):
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])


def response(_):
    client.responses.create(model="gpt-4o", input="hello")


def in_a_pool(call):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(call, range(CALLS)))


def spent(block):
    """What the budget says it spent, and whether it stopped the block."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            with budget(max_usd=0.02) as kept:
                block()
        except BudgetExceededError:
            return "stopped", round(kept.spent, 3), len(warned)
    return "not stopped", round(kept.spent, 3), len(warned)


seen = {
    "chat, one thread": spent(lambda: [chat(n) for n in range(CALLS)]),
    "chat, a pool": spent(lambda: in_a_pool(chat)),
    "responses, one thread": spent(lambda: [response(n) for n in range(CALLS)]),
}
for package in ("shekel", "openai"):
    print(package, importlib.metadata.version(package))
for case, (outcome, usd, warned) in seen.items():
    print(f"{case:21}: {outcome}, ${usd} spent, {warned} warnings")
unseen = ("not stopped", 0.0, 0)
sys.exit(list(seen.values()) != [("stopped", 0.024, 0), unseen, unseen])
END
"$folder/venv/bin/python" "$folder/seen.py"
