#!/bin/sh
# Portkey's gateway tells of an answer of Anthropic's that 1,000 of its 10 prompt tokens were cached.
#
# Guess: in OpenAI's form `cached_tokens` is a part of `prompt_tokens`, so a gateway that translates adds Anthropic's three counts.
# Seen:  `prompt_tokens` is what was neither read from the cache nor written to it; only the total has everything.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
gateway=
trap 'test -z "$gateway" || kill "$gateway" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @portkey-ai/gateway@1.15.2 >/dev/null 2>&1
port=$("${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
node node_modules/@portkey-ai/gateway/build/start-server.js --headless "--port=$port" >gateway.log 2>&1 &
gateway=$!
cat >seen.py <<'END'
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 300,
    "output_tokens": 50,
}


class Provider(BaseHTTPRequestHandler):
    """An answer of Anthropic's form that used its cache."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        told = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "x"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": USAGE,
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
host = f"http://127.0.0.1:{server.server_port}/v1"
config = {"provider": "anthropic", "api_key": "none", "custom_host": host}
asked = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "hello"}],
}
request = urllib.request.Request(
    f"http://127.0.0.1:{sys.argv[1]}/v1/chat/completions",
    json.dumps(asked).encode(),
    {"content-type": "application/json", "x-portkey-config": json.dumps(config)},
)
for _ in range(120):
    try:
        with urllib.request.urlopen(request) as answer:
            usage = json.load(answer)["usage"]
        break
    except urllib.error.HTTPError:
        raise
    except OSError:  # it has not started yet
        time.sleep(0.5)
else:
    sys.exit("the gateway did not start")
version = json.load(open("node_modules/@portkey-ai/gateway/package.json"))["version"]
print("@portkey-ai/gateway", version)
print("Anthropic's usage:  ", USAGE)
print("what is told of it: ", usage)
cached = usage["prompt_tokens_details"]["cached_tokens"]
told = (usage["prompt_tokens"], cached, usage["total_tokens"])
sys.exit(0 if told == (10, 1000, 1360) else 1)
END
"${PYTHON:-python3}" seen.py "$port"
