#!/bin/sh
# Azure's SDKs retry a payment that is required, and any other error, if it has a `Retry-After`; a 429 without one they do not.
#
# Guess: 429 and 503 are tried again and 400 and 402 are final; a `Retry-After` says when, not whether.
# Seen:  azure-ai-inference asks four times after 400, 402 and 429 with the header, once after 429 and 402 without it.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check azure-ai-inference==1.0.0b9 azure-core==1.41.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from azure.ai.inference import ChatCompletionsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError

ERROR = {"error": {"code": "budget", "message": "the budget is spent"}}
asked = []


class Provider(BaseHTTPRequestHandler):
    """Refuses with the status of the path, and with the seconds behind it as `Retry-After`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        _, status, seconds, _ = self.path.split("/", 3)
        asked.append(self.path)
        body = json.dumps(ERROR).encode()
        self.send_response(int(status))
        if seconds != "none":
            self.send_header("retry-after", seconds)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()


def requests(status, retry_after):
    """How often one call with the default policy asks."""
    asked.clear()
    url = f"http://127.0.0.1:{server.server_port}/{status}/{retry_after}"
    client = ChatCompletionsClient(url, AzureKeyCredential("none"))
    try:
        client.complete(messages=[{"role": "user", "content": "hello"}])
    except HttpResponseError as error:
        assert error.status_code == status
    return len(asked)


seen = {
    f"{status}, retry-after {after}": requests(status, after)
    for status in (400, 402, 429)
    for after in ("none", "1")
}
for package in ("azure-ai-inference", "azure-core"):
    print(package, importlib.metadata.version(package))
for case, count in seen.items():
    print(f"{case:22}: asked {count} times")
sys.exit(list(seen.values()) != [1, 4] * 3)
END
"$folder/venv/bin/python" "$folder/seen.py"
