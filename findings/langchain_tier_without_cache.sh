#!/bin/sh
# LangChain's counter of OpenAI's costs forgets the cache at the tier "flex": what costs half seems to cost four times as much.
#
# Guess: of a prompt of which nine tenths came from the cache those are counted, and cost a tenth, at each tier.
# Seen:  at "default" $0.3375, which is right; at "flex" and at "priority" 0 tokens from the cache, and $1.35.
#        OpenAI bills $0.16875 at flex. LangChain's own message names them `flex_cache_read`, which its counter does not look for.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-community==0.4.2 langchain-core==1.8.3 langchain-openai==1.7.4
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_community.callbacks import get_openai_callback
from langchain_openai import ChatOpenAI

USAGE = {
    "prompt_tokens": 1_000_000,
    "completion_tokens": 10_000,
    "total_tokens": 1_010_000,
    "prompt_tokens_details": {"cached_tokens": 900_000},
}


class Provider(BaseHTTPRequestHandler):
    """Answers at the tier that it was asked for."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"]}
        answer |= {"choices": [choice], "usage": USAGE, "service_tier": asked["service_tier"]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/v1"
for package in ("langchain-community", "langchain-openai"):
    print(package, importlib.metadata.version(package))


def counted(tier):
    """The tokens from the cache and the dollars that the counter has after one call at a tier."""
    model = ChatOpenAI(model="gpt-5", api_key="none", base_url=address, service_tier=tier)
    with get_openai_callback() as counter:
        message = model.invoke("hello")
    print(f"{tier}: {counter.prompt_tokens_cached} cached, ${counter.total_cost:.5f}", end="; ")
    print("the message says", dict(message.usage_metadata["input_token_details"]))
    return counter.prompt_tokens_cached, round(counter.total_cost, 5)


seen = [counted(tier) for tier in ("default", "flex", "priority")]
sys.exit(0 if seen == [(900_000, 0.3375), (0, 1.35), (0, 1.35)] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
