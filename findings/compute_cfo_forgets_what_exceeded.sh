#!/bin/sh
# compute-cfo forgets what a call has cost that exceeded the budget: its total stays below, and the next calls are made and paid.
#
# Guess: a call that is answered counts, the one that breaks the budget too; from then on nothing is sent.
# Seen:  under $0.02 twenty calls of $0.006 reach the provider, $0.12: three are answered, of seventeen the answer is
#        thrown away and the cost with it: the total is $0.018, and a smaller call is let through as if $0.002 were left.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check compute-cfo==0.3.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from compute_cfo import BudgetExceededError, BudgetPolicy, CostTracker, wrap

CALLS = 20
paid = []


class Provider(BaseHTTPRequestHandler):
    """$0.006 a call of gpt-4o; $0.00036 of gpt-4o-mini."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        paid.append(0.006 if asked["model"] == "gpt-4o" else 0.00036)
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
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
tracker = CostTracker(budget=BudgetPolicy(max_cost=0.02), export=None)
client = wrap(
    openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0), tracker
)


def had(model):
    """Whether the answer of this call came back."""
    try:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])
    except BudgetExceededError:
        return False
    return True


answers = sum(had("gpt-4o") for _ in range(CALLS))
spent = round(sum(paid), 3)
told = round(tracker.total_cost, 3)
smaller = had("gpt-4o-mini")
for name in ("compute-cfo", "openai"):
    print(name, importlib.metadata.version(name))
print(f"{CALLS} calls under $0.02: ${spent} paid, {answers} answers had, ${told} told")
print("then a smaller call:", "answered" if smaller else "refused")
sys.exit((answers, spent, told, smaller) != (3, 0.12, 0.018, True))
END
"$folder/venv/bin/python" "$folder/seen.py"
