#!/bin/sh
# Codex tells of five tries and makes thirty, and says that it "exceeded retry limit" where it has tried once.
#
# Guess: "Reconnecting... 5/5" is the fifth try again of one request, and "exceeded retry limit" comes after some.
# Seen:  for a 500 that does not pass one prompt is thirty requests, as each of the six tries is made of five; a 429, which is
#        what one tries again for, is asked for once, and its message says that the limit of tries was exceeded.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" @openai/codex@0.171.0 >/dev/null
cat >"$folder/seen.py" <<'END'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[1]


class Provider(BaseHTTPRequestHandler):
    """Refuses each request, and counts them."""

    protocol_version = "HTTP/1.1"
    status = 500
    requests = 0

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.path.endswith("/responses"):
            self.send_error(404)
            return
        Provider.requests += 1
        body = json.dumps({"error": {"message": "overloaded", "type": "server_error", "code": None}}).encode()
        self.send_response(Provider.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


def told(status):
    """How often one prompt is asked for, the highest try that is told, and the last word."""
    Provider.status, Provider.requests = status, 0
    said = subprocess.run(
        [codex, "exec", "--json", "--skip-git-repo-check", *options, "Say hello."],
        env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )
    lines = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    words = [line["message"] for line in lines if line["type"] == "error"]
    tries = [word.split("... ")[1].split(" ")[0] for word in words if word.startswith("Reconnecting... ")]
    return Provider.requests, (tries or [None])[-1], words[-1]


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
provider = f'model_providers.here={{name="here",base_url="{url}",wire_api="responses"}}'
options = ["-m", "gpt-5.3-codex", "-c", 'model_provider="here"', "-c", provider]
codex = f"{folder}/node_modules/.bin/codex"
environ = {"PATH": os.environ["PATH"], "HOME": folder, "OPENAI_API_KEY": "none"}
print(subprocess.run([codex, "--version"], env=environ, text=True, capture_output=True).stdout.strip())

seen = {status: told(status) for status in (500, 429)}
for status, (requests, tries, word) in seen.items():
    print(f"  {status}: {requests} requests, told of tries: {tries}, last word: {word}")
limit = "exceeded retry limit, last status: 429 Too Many Requests"
sys.exit(0 if seen[500][:2] == (30, "5/5") and seen[429] == (1, None, limit) else 1)
END
"${PYTHON:-python3}" "$folder/seen.py" "$folder"
