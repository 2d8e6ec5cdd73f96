#!/bin/sh
# DSPy's history of a model has a cost for an answer that came from its cache, every time that it comes.
#
# Guess: the costs of the history add up to what was paid; an answer that nobody was asked for costs nothing.
# Seen:  one call was made and three costs are there, of $0.00021 each, beside a usage that is empty for two of them.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check dspy==3.4.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["DSPY_CACHEDIR"] = tempfile.mkdtemp(dir=os.path.dirname(__file__))
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
logging.disable(logging.WARNING)

import dspy

paid = []


def answer(asked):
    paid.append(asked)
    text = "[[ ## answer ## ]]\nx\n\n[[ ## completed ## ]]"
    told = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }
    return "application/json", json.dumps(told)


class Provider(BaseHTTPRequestHandler):
    """A thousand tokens in and a hundred out."""

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
model = dspy.LM("openai/gpt-4o-mini", api_key="none", api_base=f"{url}/v1")
dspy.configure(lm=model)
for _ in range(3):
    dspy.Predict("question -> answer")(question="hello")
costs = [round(told["cost"], 8) for told in model.history]
print("dspy", importlib.metadata.version("dspy"))
print("calls that were made:", len(paid))
print("costs in the history:", costs, "usage:", [dict(told["usage"] or {}) for told in model.history])
sys.exit(0 if len(paid) == 1 and len(costs) == 3 and len(set(costs)) == 1 and costs[0] > 0 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
