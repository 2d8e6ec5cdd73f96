#!/bin/sh
# Databricks' SDK asks again every second or two for five minutes after a 429, whatever else the answer says, and then tells of a timeout.
#
# Guess: a 429 is tried a few times, not at all with `x-should-retry: false`, and raised with the server's sentence.
# Seen:  as often as its whole allowance of seconds takes (300 unless told), then `TimeoutError: Timed out after ...`.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check databricks-sdk==0.162.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from databricks.sdk import WorkspaceClient
from databricks.sdk._base_client import _BaseClient
from databricks.sdk.core import Config
from databricks.sdk.service.serving import ChatMessage, ChatMessageRole

ALLOWED = 10  # seconds instead of the default's 300
ERROR = {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "the budget is spent"}
asked = []


class Workspace(BaseHTTPRequestHandler):
    """Refuses every model call; knows nothing about itself."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("x-should-retry", "false")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(404, {"error_code": "NOT_FOUND", "message": "nothing here"})

    def do_POST(self):
        asked.append(self.path)
        self.answer(429, ERROR)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Workspace)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = Config(
    host=f"http://127.0.0.1:{server.server_port}", token="none", retry_timeout_seconds=ALLOWED
)
message = ChatMessage(role=ChatMessageRole.USER, content="hello")
try:
    WorkspaceClient(config=config).serving_endpoints.query("m", messages=[message])
except Exception as error:
    raised = error

unless_told = _BaseClient()._retry_timeout_seconds
print("databricks-sdk", importlib.metadata.version("databricks-sdk"))
print(f"allowed {ALLOWED} s (unless told: {unless_told}): asked {len(asked)} times")
print(f"raised: {type(raised).__name__}: {raised}")
again_and_again = 3 <= len(asked) <= ALLOWED
silent = isinstance(raised, TimeoutError) and ERROR["message"] not in str(raised)
sys.exit(not (again_and_again and silent and unless_told == 300))
END
"$folder/venv/bin/python" "$folder/seen.py"
