#!/bin/sh
# Cohere's package drops an error in the middle of a stream, and the stream ends as if it were whole.
#
# Guess: an event of type "error" raises, as in the packages of OpenAI, Anthropic and Groq.
# Seen:  it is skipped with a line in the log, and the loop over the stream ends without an exception.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cohere==7.3.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cohere

logging.disable(logging.CRITICAL)

EVENTS = [
    {"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant"}}},
    {
        "type": "content-delta",
        "index": 0,
        "delta": {"message": {"content": {"text": "The first ha"}}},
    },
    {"type": "error", "message": "the service is overloaded"},
]


class Provider(BaseHTTPRequestHandler):
    """A stream that begins well, and then tells of an error."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in EVENTS)
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = cohere.ClientV2("none", base_url=f"http://127.0.0.1:{server.server_port}")
raised, kinds = None, []
try:
    for event in client.chat_stream(model="m", messages=[{"role": "user", "content": "hello"}]):
        kinds.append(event.type)
except Exception as error:
    raised = error
print("cohere", importlib.metadata.version("cohere"))
print("events that were sent: ", [event["type"] for event in EVENTS])
print("events that were given:", kinds, "raised:", raised)
sys.exit(0 if raised is None and kinds == ["message-start", "content-delta"] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
