#!/bin/sh
# ai-cache says that it is enabled and caches nothing of Anthropic's: the same question is paid each time.
#
# Guess: after `enable()` a call that was made before is answered from the cache, "no code changes required"; or enable() raises.
# Seen:  three equal calls are three that are paid, with 0 hits, 0 misses and 0 entries beside `is_enabled()`: the method is looked
#        up on the class, where Anthropic's client has a cached property, and the error is swallowed.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ai-cache==0.1.1 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ai_cache

ai_cache.enable(cache_dir=sys.argv[1])
import anthropic  # noqa: E402  (as the package's own example has it)

paid = []


class Provider(BaseHTTPRequestHandler):
    """Answers a message."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        paid.append(self.path)
        told = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-4-6",
            "content": [{"type": "text", "text": "x"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 100000, "output_tokens": 100},
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
client = anthropic.Anthropic(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=0)
for _ in range(3):
    client.messages.create(
        model="claude-opus-4-6", max_tokens=100, messages=[{"role": "user", "content": "Sum it up"}]
    )
stats = ai_cache.get_stats()
for name in ("ai-cache", "anthropic"):
    print(name, importlib.metadata.version(name))
print(f"enabled: {ai_cache.is_enabled()}; 3 equal calls: {len(paid)} paid; {stats}")
nothing = (stats["hits"], stats["misses"], stats["total_entries"]) == (0, 0, 0)
sys.exit(not (ai_cache.is_enabled() and len(paid) == 3 and nothing))
END
"$folder/venv/bin/python" "$folder/seen.py" "$folder/cache"
