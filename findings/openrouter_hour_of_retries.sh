#!/bin/sh
# OpenRouter's package asks again for an hour where a provider fails, unless it is told not to.
#
# Guess: as in the packages of OpenAI and Anthropic, two more tries within seconds, and then an exception.
# Seen:  some seventy requests in an hour for one call of the method, each of which may have been paid for.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check openrouter==1.3.84
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openrouter import OpenRouter

asked = []


class Provider(BaseHTTPRequestHandler):
    """A provider that fails after it has read what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        asked.append(self.path)
        body = b'{"error": {"message": "provider returned an error", "code": 502}}'
        self.send_response(502)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


# The package's clock runs ahead by what it would have slept, so that an hour passes at once.
really, slept = time.time, []
time.sleep = slept.append
time.time = lambda: really() + sum(slept)

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = OpenRouter(api_key="none", server_url=f"http://127.0.0.1:{server.server_port}")
raised = None
try:
    client.chat.send(model="m", messages=[{"role": "user", "content": "hello"}])
except Exception as error:
    raised = error
print("openrouter", importlib.metadata.version("openrouter"), "raised", type(raised).__name__)
print("requests:", len(asked), "- minutes that it would have slept:", round(sum(slept) / 60))
print("pauses in seconds:", [round(pause, 1) for pause in slept[:8]], "...", round(slept[-1], 1))
sys.exit(0 if raised is not None and len(asked) > 50 and 58 <= sum(slept) / 60 <= 62 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
