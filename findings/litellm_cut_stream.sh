#!/bin/sh
# LiteLLM ends a stream that was cut off with a finish reason that nobody sent.
#
# Guess: a stream that ends before any finish reason raises, or ends with none, as with the vendor's package.
# Seen:  the last chunk says finish_reason "stop", so a half answer looks like a whole one.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check litellm==1.83.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

CHUNK = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "The first ha"}, "finish_reason": None}],
}


class Provider(BaseHTTPRequestHandler):
    """One chunk, and then the connection's orderly end: no finish reason, no [DONE]."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b"data: " + json.dumps(CHUNK).encode() + b"\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/v1"
ask = [{"role": "user", "content": "hello"}]


def reasons(chunks):
    return [chunk.choices[0].finish_reason for chunk in chunks]


import litellm
import openai

vendor = openai.OpenAI(api_key="none", base_url=base, max_retries=0)
plain = reasons(vendor.chat.completions.create(model="m", messages=ask, stream=True))
given = reasons(
    litellm.completion(
        model="openai/m", api_base=base, api_key="none", messages=ask, stream=True, num_retries=0
    )
)
for name in ("litellm", "openai"):
    print(name, importlib.metadata.version(name))
print("the stream had one chunk, without a finish reason, and no [DONE]")
print("finish reasons that openai gives: ", plain)
print("finish reasons that litellm gives:", given)
sys.exit(0 if plain == [None] and given[-1] == "stop" else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
