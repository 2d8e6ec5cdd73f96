#!/bin/sh
# tokpulse tells nothing of what is streamed by Anthropic's asynchronous client: no event, no warning, no error.
#
# Guess: `async with client.messages.stream(...)` is told as `with client.messages.stream(...)` is: its docstrings show both.
# Seen:  of three calls each it tells three made by the one client, and none made by the other: it does not await the
#        final message, and swallows the error that comes of it.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tokpulse==0.1.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from tokpulse import TokpulseTracker

CALLS = 3
EVENTS = [
    {
        "type": "message_start",
        "message": {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-4-6",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 1000, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 10}},
    {"type": "message_stop"},
]
told = []
paid = []
warnings.simplefilter("ignore", RuntimeWarning)  # Python's: a coroutine was never awaited


class Server(BaseHTTPRequestHandler):
    """Claude, by stream, and the place where tokpulse tells its events."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if self.path.endswith("/ingest"):
            told.append(asked)
            self.say("application/json", "{}")
        else:
            paid.append(asked["model"])
            stream = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in EVENTS)
            self.say("text/event-stream", stream)

    def say(self, kind, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
asked = {
    "model": "claude-opus-4-6",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}


def tracker():
    return TokpulseTracker(api_key="none", api_url=url, allow_insecure_http=True)


def called():
    kept = tracker()
    client = kept.anthropic(anthropic.Anthropic(api_key="none", base_url=url, max_retries=0))
    for _ in range(CALLS):
        with client.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == "x"
    kept.close()


async def awaited():
    kept = tracker()
    client = kept.anthropic_async(anthropic.AsyncAnthropic(api_key="none", base_url=url, max_retries=0))
    for _ in range(CALLS):
        async with client.messages.stream(**asked) as stream:
            assert "".join([text async for text in stream.text_stream]) == "x"
    kept.close()


def events(work):
    """How many calls were made, and how many events were told of them."""
    told.clear()
    paid.clear()
    work()
    return len(paid), len(told)


seen = {"Anthropic": events(called), "AsyncAnthropic": events(lambda: asyncio.run(awaited()))}
for name in ("tokpulse", "anthropic"):
    print(name, importlib.metadata.version(name))
for client, (calls, count) in seen.items():
    print(f"{client}: {calls} calls, {count} told")
sys.exit(list(seen.values()) != [(CALLS, CALLS), (CALLS, 0)])
END
"$folder/venv/bin/python" "$folder/seen.py"
