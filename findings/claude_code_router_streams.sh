#!/bin/sh
# claude-code-router tells Claude Code that a streamed answer cost 0 tokens, where the provider tells usage as OpenAI does.
#
# Guess: a router between two formats carries the counts over in a stream as it does in a whole answer.
# Seen:  not streamed, 100 in, 900 from the cache, 100 out; streamed, zeros: it looks no further than the last word.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @musistudio/claude-code-router@2.0.0 >/dev/null 2>&1
cat >seen.py <<'END'
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 900},
}
HEAD = {"id": "c", "created": 1, "model": "m"}


class Provider(BaseHTTPRequestHandler):
    """OpenAI's format: the usage of a stream is in a chunk of its own, after the last word."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        kind = "application/json"
        message = {"role": "assistant", "content": "hello"}
        choice = {"index": 0, "finish_reason": "stop"}
        if asked.get("stream"):
            kind = "text/event-stream"
            head = {**HEAD, "object": "chat.completion.chunk"}
            chunks = [
                {**head, "choices": [{**choice, "delta": message}]},
                {**head, "choices": [], "usage": USAGE},
            ]
            body = "".join(f"data: {e}\n\n" for e in [*map(json.dumps, chunks), "[DONE]"])
        else:
            choices = [{**choice, "message": message}]
            told = {**HEAD, "object": "chat.completion", "choices": choices, "usage": USAGE}
            body = json.dumps(told)
        body = body.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def ask(url, stream):
    """The last usage that the router tells."""
    asked = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 99,
        "stream": stream,
        "messages": [{"role": "user", "content": "hello"}],
    }
    head = {"content-type": "application/json", "x-api-key": "none"}
    request = urllib.request.Request(url, json.dumps(asked).encode(), head)
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    if not stream:
        return json.loads(text)["usage"]
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [e["usage"] for e in events if e["type"] == "message_delta"][-1]


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
home = pathlib.Path.cwd()
(home / ".claude-code-router").mkdir()
(home / ".claude-code-router" / "config.json").write_text(
    json.dumps(
        {
            "LOG": False,
            "HOST": "127.0.0.1",
            "PORT": port,
            "Providers": [
                {
                    "name": "x",
                    "api_base_url": f"http://127.0.0.1:{server.server_port}/v1/chat/completions",
                    "api_key": "none",
                    "models": ["m"],
                }
            ],
            "Router": {"default": "x,m"},
        }
    )
)
router = subprocess.Popen(
    ["node", "node_modules/@musistudio/claude-code-router/dist/cli.js", "start"],
    env={**os.environ, "HOME": str(home)},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    start_new_session=True,
)
try:
    for _ in range(240):
        try:
            whole = ask(f"http://127.0.0.1:{port}/v1/messages", False)
            break
        except urllib.error.HTTPError:
            raise
        except OSError:  # it has not started yet
            time.sleep(0.5)
    else:
        sys.exit("the router did not start")
    streamed = ask(f"http://127.0.0.1:{port}/v1/messages", True)
finally:
    os.killpg(router.pid, signal.SIGTERM)
    router.wait()
package = home / "node_modules/@musistudio/claude-code-router/package.json"
print("@musistudio/claude-code-router", json.loads(package.read_text())["version"])
print("the provider's usage:", USAGE)
print("told, not streamed:  ", whole)
print("told, streamed:      ", streamed)
counts = [(u["input_tokens"], u.get("cache_read_input_tokens"), u["output_tokens"]) for u in (whole, streamed)]
sys.exit(0 if counts == [(100, 900, 100), (0, 0, 0)] else 1)
END
"${PYTHON:-python3}" seen.py
