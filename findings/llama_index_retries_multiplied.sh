#!/bin/sh
# LlamaIndex asks OpenAI twelve times where it may retry three times, as its loop of retries runs around the SDK's own.
#
# Guess: with `max_retries=3`, which is also the default, a call that fails is made four times at most.
# Seen:  twelve requests for one `chat`, on Chat Completions and on Responses alike; with 10 it is 110.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llama-index-llms-openai==0.8.3 llama-index-core==0.14.25 openai==2.54.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI, OpenAIResponses

asked = []


class Provider(BaseHTTPRequestHandler):
    """A provider that fails after it has read what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        asked.append(self.path)
        body = b'{"error": {"message": "the server had an error", "type": "server_error"}}'
        self.send_response(500)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def requests(kind, retries):
    """How many requests one call of `chat` makes that fails each time."""
    asked.clear()
    allowed = {} if retries is None else {"max_retries": retries}
    try:
        kind(model="gpt-4o", api_key="none", api_base=address, **allowed).chat(
            [ChatMessage(role="user", content="hello")]
        )
    except Exception as error:
        said = "default" if retries is None else retries
        print(f"{kind.__name__}, max_retries {said}: {len(asked)} requests, {type(error).__name__}")
    return len(asked)


time.sleep = lambda seconds: None  # both loops pause with it: nothing else is changed
logging.disable(logging.CRITICAL)
server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/v1"
for package in ("llama-index-llms-openai", "llama-index-core", "openai"):
    print(package, importlib.metadata.version(package))
seen = [requests(kind, retries) for kind in (OpenAI, OpenAIResponses) for retries in (None, 3)]
seen.append(requests(OpenAI, 10))
sys.exit(0 if seen == [12, 12, 12, 12, 110] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
