#!/bin/sh
# GPTCache answers a conversation with the answer of another one that ended in the same words, whatever was said before.
#
# Guess: after `cache.init()`, whose match is exact, a call is answered from the cache that asks the same model the same messages.
# Seen:  "And in a year?" after a talk about rent gets what gpt-4 had said after one about wages, and so it gets
#        gpt-3.5-turbo: of `messages` only the last content is looked at, and of the model nothing.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check gptcache==0.1.44 openai==0.28.1 setuptools==80.9.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai as real
from gptcache import Config, cache
from gptcache.adapter import openai

paid = []


class Provider(BaseHTTPRequestHandler):
    """Answers by the model and the first words that it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        paid.append(asked["model"])
        message = {"role": "assistant", "content": f"{asked['model']}: {asked['messages'][0]['content']}"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
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
real.api_base = f"http://127.0.0.1:{server.server_port}/v1"
real.api_key = "none"
cache.init(config=Config(enable_token_counter=False))


def asked(model, first):
    messages = [
        {"role": "user", "content": first},
        {"role": "assistant", "content": "100"},
        {"role": "user", "content": "And in a year?"},
    ]
    answer = openai.ChatCompletion.create(model=model, messages=messages)
    return answer["choices"][0]["message"]["content"]


for name in ("gptcache", "openai"):
    print(name, importlib.metadata.version(name))
seen = {
    (model, first): asked(model, first)
    for model, first in (("gpt-4", "wages?"), ("gpt-4", "rent?"), ("gpt-3.5-turbo", "rent?"))
}
for (model, first), said in seen.items():
    print(f"{model}, {first!r} ... 'And in a year?' -> {said!r}")
print(len(paid), "calls were made")
sys.exit((set(seen.values()), len(paid)) != ({"gpt-4: wages?"}, 1))
END
cd "$folder"
"$folder/venv/bin/python" "$folder/seen.py"
