#!/bin/sh
# Google's package calls functions by itself, asks the model again, and tells the usage of the last answer alone.
#
# Guess: `usage_metadata` of what `generate_content` returns is what the call of the method has cost.
# Seen:  four answers were paid for, 1,000 tokens in and 40 out; it says 400 in and 10 out.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check google-genai==3.6.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google import genai
from google.genai import types

logging.disable(logging.WARNING)
paid = {"input": 0, "output": 0, "answers": 0}


def answer(asked):
    paid["answers"] += 1
    number = paid["answers"]
    parts = [{"functionCall": {"name": "look", "args": {"page": number}}}]
    if number == 4:
        parts = [{"text": "done"}]
    paid["input"] += 100 * number
    paid["output"] += 10
    told = {
        "candidates": [
            {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 100 * number,
            "candidatesTokenCount": 10,
            "totalTokenCount": 100 * number + 10,
        },
        "modelVersion": "gemini-2.5-flash",
    }
    return "application/json", json.dumps(told)


def look(page: int) -> int:
    """Looks at a page."""
    return page


class Provider(BaseHTTPRequestHandler):
    """A model that asks for a function three times before it answers."""

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
client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))
said = client.models.generate_content(
    model="gemini-2.5-flash",
    contents="hello",
    config=types.GenerateContentConfig(tools=[look]),
).usage_metadata
print("google-genai", importlib.metadata.version("google-genai"))
print("paid:", paid)
print("told:", said.prompt_token_count, "in,", said.candidates_token_count, "out")
right = paid == {"input": 1000, "output": 40, "answers": 4}
sys.exit(0 if right and (said.prompt_token_count, said.candidates_token_count) == (400, 10) else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
