#!/bin/sh
# cachebench says that it is async-aware, and records of a call of Anthropic's asynchronous client no token, read or written, and $0.
#
# Guess: `tracker.wrap(client.messages.create)` records the same of both clients: its README says that it wraps coroutines as well.
# Seen:  of one and the same answer $0.048 by the synchronous client and $0.0 by the other, whose `create` is no coroutine function.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cachebench==0.1.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from cachebench import CacheTracker, Provider


class Anthropics(BaseHTTPRequestHandler):
    """1,000 tokens in, 10,000 written to the cache, 500 out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        usage = {"input_tokens": 1000, "output_tokens": 500}
        usage |= {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 10_000}
        told = {"id": "m", "type": "message", "role": "assistant", "model": asked["model"]}
        told |= {"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "stop_sequence": None}
        body = json.dumps(told | {"usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Anthropics)
threading.Thread(target=server.serve_forever, daemon=True).start()
reached = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}", "max_retries": 0}
question = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 500,
    "system": [{"type": "text", "text": "a document", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "Sum it up"}],
}


def told(tracker, message):
    """What the answer says that was put out, and what the tracker tells of the call."""
    all_told = tracker.aggregate()
    return message.usage.output_tokens, all_told["calls"], round(all_told["cost_usd"], 4)


def plain():
    tracker = CacheTracker(provider=Provider.ANTHROPIC, on_miss_alert=lambda told: None)
    return told(tracker, tracker.wrap(anthropic.Anthropic(**reached).messages.create)(**question))


async def asynchronous():
    tracker = CacheTracker(provider=Provider.ANTHROPIC, on_miss_alert=lambda told: None)
    async with anthropic.AsyncAnthropic(**reached) as client:
        return told(tracker, await tracker.wrap(client.messages.create)(**question))


seen = {"Anthropic": plain(), "AsyncAnthropic": asyncio.run(asynchronous())}
for name in ("cachebench", "anthropic"):
    print(name, importlib.metadata.version(name))
for client, (out, calls, cost) in seen.items():
    print(f"{client}: {out} tokens of output answered, {calls} call told, ${cost} told")
sys.exit(seen != {"Anthropic": (500, 1, 0.048), "AsyncAnthropic": (500, 1, 0.0)})
END
"$folder/venv/bin/python" "$folder/seen.py"
