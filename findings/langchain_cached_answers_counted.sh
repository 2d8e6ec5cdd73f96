#!/bin/sh
# LangChain's `get_usage_metadata_callback` counts the tokens of a call again for each answer that LangChain's own cache gives.
#
# Guess: what comes from `set_llm_cache(InMemoryCache())` has used nothing: one call, 1,000 tokens in.
# Seen:  asked five times, one call is made, and 5,000 tokens in are told, with a `total_cost` of 0 beside them, though
#        the one that was made did cost something.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-openai==1.7.4 langchain-core==1.8.3
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_openai import ChatOpenAI

ASKED = 5
paid = []


class Provider(BaseHTTPRequestHandler):
    """1,000 tokens in and 10 out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        paid.append(asked["model"])
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
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
model = ChatOpenAI(model="gpt-4o", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
set_llm_cache(InMemoryCache())
with get_usage_metadata_callback() as counted:
    for _ in range(ASKED):
        model.invoke("hello")
told = counted.usage_metadata["gpt-4o"]
for name in ("langchain-core", "langchain-openai"):
    print(name, importlib.metadata.version(name))
print(f"asked {ASKED} times, {len(paid)} call of 1,000 tokens in made; told:", json.dumps(told))
sys.exit((len(paid), told["input_tokens"], told["output_tokens"], told["total_cost"]) != (1, 5000, 50, 0))
END
"$folder/venv/bin/python" "$folder/seen.py"
