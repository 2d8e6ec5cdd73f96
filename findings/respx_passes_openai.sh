#!/bin/sh
# A test that mocks httpx with respx makes the paid call: OpenAI's package speaks through httpx2 now.
#
# Guess: within `respx.mock` no request of an SDK on httpx leaves the process, and what was mocked is the answer.
# Seen:  httpx's own request is answered by the mock, the package's goes to the provider; httpx 0.28 is installed beside.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check openai==3.57.0 respx==0.23.1 httpx==0.28.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import openai
import respx

paid = []


def told(name):
    message = {"role": "assistant", "content": "x"}
    return {
        "id": name,
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def answer(asked):
    paid.append(asked)
    return "application/json", json.dumps(told("paid"))


class Provider(BaseHTTPRequestHandler):
    """What answers when nothing stands before it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        kind, text = answer(asked)
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
messages = [{"role": "user", "content": "hello"}]
with respx.mock(assert_all_called=False) as mock:
    mock.post(f"{url}/v1/chat/completions").respond(json=told("mocked"))
    bare = httpx.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": messages})
    client = openai.OpenAI(api_key="none", base_url=f"{url}/v1")
    made = client.chat.completions.create(model="m", messages=messages)
for name in ("openai", "respx", "httpx", "httpx2"):
    print(name, importlib.metadata.version(name), end="; ")
print()
print("httpx was answered by:", bare.json()["id"])
print("openai was answered by:", made.id, "- calls that reached the provider:", len(paid))
sys.exit(0 if (bare.json()["id"], made.id, len(paid)) == ("mocked", "paid", 1) else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
