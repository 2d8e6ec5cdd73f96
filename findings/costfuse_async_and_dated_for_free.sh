#!/bin/sh
# costfuse counts nothing of an asynchronous client's calls, nor of a listed model that is called by its dated name.
#
# Guess: a "hard cap on USD" stops AsyncOpenAI as it stops OpenAI, and `gpt-4o-2024-11-20` as `gpt-4o`; or it refuses them.
# Seen:  under $0.02 in an hour four of twenty calls of $0.006 are made by `gpt-4o`; by its dated name all twenty, and
#        asynchronously all twenty: the cost is sought in the coroutine, and then written to its log as $0.00.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check costfuse==0.2.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import asyncio
import contextlib
import importlib.metadata
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import costfuse
import openai

CALLS = 20
paid = []


class Provider(BaseHTTPRequestHandler):
    """$0.006 a call of gpt-4o."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        paid.append(asked["model"])
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
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
of = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}/v1", "max_retries": 0}


def limited(client):
    return costfuse.wrap(client, max_spend_per_hour=0.02)


def asked(model):
    return {"model": model, "messages": [{"role": "user", "content": "hello"}]}


def called(model):
    client = limited(openai.OpenAI(**of))
    for _ in range(CALLS):
        client.chat.completions.create(**asked(model))


async def awaited():
    client = limited(openai.AsyncOpenAI(**of))
    for _ in range(CALLS):
        await client.chat.completions.create(**asked("gpt-4o"))


def made(work):
    """How many calls were paid, and how they ended."""
    paid.clear()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            work()
    except costfuse.CostfuseBlocked:
        return len(paid), "stopped"
    return len(paid), "not stopped"


seen = {
    "gpt-4o": made(lambda: called("gpt-4o")),
    "gpt-4o-2024-11-20": made(lambda: called("gpt-4o-2024-11-20")),
    "gpt-4o, asynchronously": made(lambda: asyncio.run(awaited())),
}
for name in ("costfuse", "openai"):
    print(name, importlib.metadata.version(name))
for how, (calls, end) in seen.items():
    print(f"{how}: {calls} of {CALLS} calls of $0.006 made under $0.02, {end}")
sys.exit(list(seen.values()) != [(4, "stopped"), (CALLS, "not stopped"), (CALLS, "not stopped")])
END
"$folder/venv/bin/python" "$folder/seen.py"
