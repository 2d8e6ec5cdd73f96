#!/bin/sh
# Codex tells with each turn what the whole thread has used so far: added up, three turns cost twice what they did.
#
# Guess: the `usage` of `turn.completed` in `codex exec --json` is that turn's, so that whoever bills turns adds them up.
# Seen:  three turns of 1,000 tokens in each say 1,000, 2,000 and 3,000, though each is a process of its own.
set -eu
sed -n '2,5s/^# *//p' "$0"

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
TURNS = 3


def events():
    item = {
        "type": "message",
        "id": "m",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "hello", "annotations": []}],
    }
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1010,
    }
    yield {"type": "response.created", "response": {"id": "r"}}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": {"id": "r", "output": [item], "usage": usage}}


class Provider(BaseHTTPRequestHandler):
    """Streams one message for 1,000 tokens in and 10 out, each time."""

    protocol_version = "HTTP/1.1"
    answers = 0

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.path.endswith("/responses"):
            self.send_error(404)
            return
        Provider.answers += 1
        body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events()).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


def turn(*where):
    said = subprocess.run(
        [codex, "exec", *where, "--json", "--skip-git-repo-check", *options, "Say hello."],
        env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
provider = f'model_providers.here={{name="here",base_url="{url}",wire_api="responses"}}'
options = ["-m", "gpt-5.3-codex", "-c", 'model_provider="here"', "-c", provider]
codex = f"{folder}/node_modules/.bin/codex"
environ = {"PATH": os.environ["PATH"], "HOME": folder, "OPENAI_API_KEY": "none"}
print(subprocess.run([codex, "--version"], env=environ, text=True, capture_output=True).stdout.strip())

thread = None
told = []
for _ in range(TURNS):
    lines = turn() if thread is None else turn("resume", thread)
    thread = thread or next(line["thread_id"] for line in lines if line["type"] == "thread.started")
    told.append(next(line["usage"]["input_tokens"] for line in lines if line["type"] == "turn.completed"))
print(f"answers paid for: {Provider.answers}, of 1,000 tokens in each; told by turn: {told}, in all {sum(told)}")
sys.exit(0 if Provider.answers == TURNS and told == [1000, 2000, 3000] else 1)
END
"${PYTHON:-python3}" "$folder/seen.py" "$folder"
