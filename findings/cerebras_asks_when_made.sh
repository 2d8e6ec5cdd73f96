#!/bin/sh
# Cerebras' package makes a request of its own whenever a client is made, or an option is set for a call.
#
# Guess: a client asks when a method of the API is called; `with_options(timeout=5)` only copies it, as in OpenAI's package.
# Seen:  a client and ten calls by `with_options(...)` are twenty-one requests, eleven of them for `/v1/tcp_warming`;
#        where that one fails it is made three times, also within the constructor of the asynchronous client.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cerebras_cloud_sdk==1.91.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cerebras.cloud.sdk import AsyncCerebras, Cerebras

asked = []
failing = False


class Provider(BaseHTTPRequestHandler):
    """Answers what it is asked; where it fails, it does so only for what is no call of a model."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked.append(self.path)
        self.answer(503 if failing else 200, {})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        asked.append(self.path)
        message = {"role": "assistant", "content": "hello"}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "f"}
        self.answer(200, {**head, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})

    def answer(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def told(what):
    """How many of the requests since the last time were calls of a model, and how many were not."""
    calls = sum(path.endswith("/chat/completions") for path in asked)
    others = sorted({path for path in asked if not path.endswith("/chat/completions")})
    print(f"{what}: {calls} calls, {len(asked) - calls} other requests {others}")
    counted = (calls, len(asked) - calls)
    asked.clear()
    return counted


async def make(address):
    AsyncCerebras(api_key="none", base_url=address)


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
print("cerebras_cloud_sdk", importlib.metadata.version("cerebras_cloud_sdk"))
client = Cerebras(api_key="none", base_url=address)
seen = [told("a client is made")]
for _ in range(10):
    client.with_options(timeout=5).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hello"}]
    )
seen.append(told("ten calls by with_options"))
failing = True
time.sleep = lambda seconds: None  # the pauses between the tries
Cerebras(api_key="none", base_url=address)
seen.append(told("a client is made, where that fails"))
asyncio.run(make(address))
seen.append(told("an asynchronous client is made, where that fails"))
sys.exit(0 if seen == [(0, 1), (10, 10), (0, 3), (0, 3)] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
