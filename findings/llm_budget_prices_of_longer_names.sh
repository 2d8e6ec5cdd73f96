#!/bin/sh
# llm-budget takes gpt-4 for gpt-4o, and o3 for o3-mini: a name that it has no price for gets that of one which begins with it.
#
# Guess: a model without a price raises ModelNotFoundError, as gpt-4.1 does; or `gpt-4-0613` is taken for a known `gpt-4`.
# Seen:  a call to gpt-4 of 10,000 tokens in and 1,000 out is recorded as $0.035 and costs $0.36: a budget of $10 lets
#        more than $100 through, without a word.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-budget==0.2.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from llm_budget.exceptions import ModelNotFoundError
from llm_budget.middleware import track_openai
from llm_budget.pricing import get_pricing
from llm_budget.tracker import Tracker

TOKENS_IN, TOKENS_OUT = 10000, 1000


class Provider(BaseHTTPRequestHandler):
    """Calls to gpt-4, for $30 a million tokens in and $60 a million out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {
                "prompt_tokens": TOKENS_IN,
                "completion_tokens": TOKENS_OUT,
                "total_tokens": TOKENS_IN + TOKENS_OUT,
            },
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
tracker = Tracker(sys.argv[1])
client = track_openai(
    openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0), tracker
)
client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hello"}])
told = round(tracker.get_spend("total"), 3)
billed = (TOKENS_IN * 30 + TOKENS_OUT * 60) / 1e6


def taken_for(model):
    try:
        return get_pricing(model).name
    except ModelNotFoundError:
        return None


seen = {model: taken_for(model) for model in ("gpt-4", "o3", "gpt-4.1")}
for name in ("llm-budget", "openai"):
    print(name, importlib.metadata.version(name))
print("taken for:", seen)
print(f"a call to gpt-4: ${told} recorded, ${billed} billed")
sys.exit((told, seen) != (0.035, {"gpt-4": "gpt-4o", "o3": "o3-mini", "gpt-4.1": None}))
END
HOME="$folder" "$folder/venv/bin/python" "$folder/seen.py" "$folder/spend.db"
