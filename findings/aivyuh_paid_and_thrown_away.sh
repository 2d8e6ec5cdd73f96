#!/bin/sh
# aivyuh-finops throws a paid answer away where its usage has no field of the cache, and tells nothing of asynchronous calls.
#
# Guess: "telemetry must NEVER impact the caller": what cannot be counted is returned uncounted; an AsyncAnthropic is counted or refused.
# Seen:  `cache_read_input_tokens` is optional in Anthropic's type, and None where an endpoint leaves it out: the call is paid, and its
#        answer is a TypeError of the wrapper's. Of an AsyncAnthropic's calls no event is sent, without a word.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check aivyuh-finops==0.1.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from aivyuh_finops import wrap_anthropic

PLAIN = {"input_tokens": 1000, "output_tokens": 500}
WITH_CACHE = {**PLAIN, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
usage, paid = {}, []
told = threading.Semaphore(0)


class Server(BaseHTTPRequestHandler):
    """Answers a message with `usage`, and takes telemetry."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = {}
        if self.path == "/telemetry":
            told.release()
        else:
            paid.append(self.path)
            answer = {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "claude-opus-4-6",
                "content": [{"type": "text", "text": "x"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": usage,
            }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
of = {"api_key": "none", "base_url": url, "max_retries": 0}
to = {"telemetry_endpoint": f"{url}/telemetry", "customer_id": "customer-1"}
said = {"model": "claude-opus-4-6", "max_tokens": 500, "messages": [{"role": "user", "content": "hello"}]}


def synchronous():
    return wrap_anthropic(anthropic.Anthropic(**of), to).messages.create(**said)


def asynchronous():
    async def awaited():
        return await wrap_anthropic(anthropic.AsyncAnthropic(**of), to).messages.create(**said)

    return asyncio.run(awaited())


def called(call, kind, wait):
    """Calls paid, what the caller got, and whether an event was told within `wait` seconds."""
    paid.clear()
    usage.clear()
    usage.update(kind)
    try:
        got = type(call()).__name__
    except Exception as error:
        got = type(error).__name__
    return len(paid), got, told.acquire(timeout=wait)


seen = {
    "with fields of the cache": called(synchronous, WITH_CACHE, 30),
    "without them": called(synchronous, PLAIN, 1),
    "asynchronous, with them": called(asynchronous, WITH_CACHE, 1),
}
for name in ("aivyuh-finops", "anthropic"):
    print(name, importlib.metadata.version(name))
for what, (calls, got, event) in seen.items():
    print(f"{what}: {calls} call paid, the caller got a {got}, told: {event}")
sys.exit(list(seen.values()) != [(1, "Message", True), (1, "TypeError", False), (1, "Message", False)])
END
"$folder/venv/bin/python" "$folder/seen.py"
