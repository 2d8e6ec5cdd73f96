#!/bin/sh
# Codex sends a model its tools as a part of the conversation, and no `tools` at all.
#
# Guess: what a model may call stands in the request's `tools`, as OpenAI's reference has it.
# Seen:  for gpt-5.3-codex it does; for gpt-6.1-sol the field is missing, and `input` begins with an
#        item of type "additional_tools" that holds all of them: who counts `tools` sees none.
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
SEEN = {}


class Provider(BaseHTTPRequestHandler):
    """Keeps the first request for each model, and answers that it cannot be served."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        SEEN.setdefault(body["model"], body)
        told = b'{"error": {"message": "seen", "type": "invalid_request_error", "code": null}}'
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
provider = f'model_providers.here={{name="here",base_url="{url}",wire_api="responses"}}'
codex = f"{folder}/node_modules/.bin/codex"
environ = {"PATH": os.environ["PATH"], "HOME": folder, "OPENAI_API_KEY": "none"}
version = subprocess.run([codex, "--version"], env=environ, text=True, capture_output=True)
print(version.stdout.strip())
for model in ("gpt-5.3-codex", "gpt-6.1-sol"):
    subprocess.run(
        [codex, "exec", "--skip-git-repo-check", "-m", model, "-c", 'model_provider="here"',
         "-c", provider, "Say hello."],
        env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )
    body = SEEN.get(model, {})
    brought = [item for item in body.get("input", []) if item.get("type") == "additional_tools"]
    tools = [tool.get("type") for item in brought for tool in item["tools"]]
    print(f"{model}: tools: {len(body.get('tools') or [])}, in the conversation: {tools}")

old, new = SEEN["gpt-5.3-codex"], SEEN["gpt-6.1-sol"]
kinds = [item.get("type") for item in new["input"]]
assert old.get("tools") and "additional_tools" not in [item.get("type") for item in old["input"]]
assert not new.get("tools") and kinds[0] == "additional_tools"
END
"${PYTHON:-python3}" "$folder/seen.py" "$folder"
