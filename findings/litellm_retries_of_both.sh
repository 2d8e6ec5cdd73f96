#!/bin/sh
# LiteLLM's `num_retries=3` makes seven requests to OpenAI: the SDK tries three times again, and then LiteLLM does.
#
# Guess: a call that may be tried again three times is made four times at most, as `max_retries=3` does in OpenAI's package.
# Seen:  seven requests with tenacity installed, for a 500 that does not pass; four without it.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check litellm==1.110.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

ALLOWED = 3
requests = []


class Provider(BaseHTTPRequestHandler):
    """Fails, and says when to ask again: at once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        requests.append(self.path)
        body = json.dumps({"error": {"message": "failed", "type": "server_error"}}).encode()
        self.send_response(500)
        self.send_header("content-type", "application/json")
        self.send_header("retry-after-ms", "1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
litellm.suppress_debug_info = True
call = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "hello"}], "api_key": "none"}
for name in ("litellm", "tenacity"):
    try:
        print(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        print(name, "is not installed")
try:
    litellm.completion(**call, api_base=url, num_retries=ALLOWED)
except Exception as failed:
    print("raised:", type(failed).__name__)
print(f"{ALLOWED} retries allowed, {len(requests)} requests made")
sys.exit(len(requests) != int(sys.argv[1]))
END
"$folder/venv/bin/python" "$folder/seen.py" 4
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tenacity==9.1.2
"$folder/venv/bin/python" "$folder/seen.py" 7
