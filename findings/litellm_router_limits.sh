#!/bin/sh
# LiteLLM's Router sends a deployment of `rpm` 2 and `tpm` 2,000 ten calls within a minute: they are weights, and no limits.
#
# Guess: requests and tokens a minute bound what a deployment is sent; the third call waits, fails, or goes elsewhere.
# Seen:  ten of ten calls of 1,010 tokens are made and answered, without an error.
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
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

CALLS = 10
USAGE = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
asked = []


class Provider(BaseHTTPRequestHandler):
    """Answers each call with the same usage, and notes when it came."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        asked.append(time.monotonic())
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
        body = json.dumps({**answer, "choices": [choice], "usage": USAGE}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
model = {"model": "openai/gpt-4o", "api_key": "none", "api_base": f"http://127.0.0.1:{server.server_port}/v1"}
router = litellm.Router(model_list=[{"model_name": "m", "litellm_params": {**model, "rpm": 2, "tpm": 2000}}])
for _ in range(CALLS):
    router.completion(model="m", messages=[{"role": "user", "content": "hello"}])
passed = asked[-1] - asked[0]
print("litellm", importlib.metadata.version("litellm"), "routing strategy:", router.settings().routing_strategy)
print(f"rpm 2, tpm 2000: {len(asked)} calls, {CALLS * 1010} tokens; all within a minute: {passed < 60}")
sys.exit(0 if len(asked) == CALLS and passed < 60 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
