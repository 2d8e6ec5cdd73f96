#!/bin/sh
# mini-swe-agent's limit of N calls makes the Nth call, pays for it, and throws its answer away: with 1 nothing is ever had.
#
# Guess: under `MSWEA_GLOBAL_CALL_LIMIT=3` three calls are made and answered, and the fourth is refused before it is sent.
# Seen:  three are paid for and two answers are had: the check runs after each call, and already refuses for the next one.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check mini-swe-agent==2.4.6 litellm==1.110.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT = int(sys.argv[1])
os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    MSWEA_GLOBAL_CALL_LIMIT=str(LIMIT),
    MSWEA_SILENT_STARTUP="1",
)

from minisweagent.models.litellm_model import LitellmModel

paid = []


class Provider(BaseHTTPRequestHandler):
    """Answers each call by a command to run, as an agent's model does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        paid.append(self.path)
        called = {"name": "bash", "arguments": json.dumps({"command": f"echo {len(paid)}"})}
        message = {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"id": f"t{len(paid)}", "type": "function", "function": called}],
        }
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
            "usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500},
        }
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
model = LitellmModel(model_name="gpt-4o", model_kwargs={"api_base": url, "api_key": "none"})
had = 0
end = ""
try:
    while had < 10:
        model.query([{"role": "user", "content": "hello"}])
        had += 1
except RuntimeError as stopped:
    end = str(stopped)
if LIMIT == 1:
    for name in ("mini-swe-agent", "litellm"):
        print(name, importlib.metadata.version(name))
print(f"at most {LIMIT}: {len(paid)} paid for, {had} answers had; {end}")
sys.exit((len(paid), had, end.startswith("Global cost/call limit exceeded")) != (LIMIT, LIMIT - 1, True))
END
for limit in 1 3; do
    HOME="$folder" "$folder/venv/bin/python" "$folder/seen.py" $limit
done
