#!/bin/sh
# llm-cost-guardian has the price of gpt-4o-mini and tells each of its calls at that of gpt-4o; what it cannot price is paid and lost.
#
# Guess: "gpt-4o-mini" is in its list at $0.15 and $0.60 a million tokens, and is told so; a model that is not in it is told as unpriced.
# Seen:  OpenAI answers as `gpt-4o-mini-2024-07-18`, and the first listed name that this begins with is `gpt-4o`: sixteen times the
#        cost, and a hard cap of $0.05 that stops after $0.0032. gpt-4.1-nano has the price of gpt-4: more than two hundred times its own. A
#        call to gpt-5 is made and paid, and its answer is a KeyError.
set -eu
sed -n '2,7s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-cost-guardian==0.1.1 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from llm_cost_guardian import BudgetError, BudgetManager, CostTracker, HardCapPolicy, TrackedOpenAI, get_pricing

CALLS, IN, OUT = 100, 1000, 200
PRICES = {"gpt-4o-mini": (0.15, 0.6), "gpt-4.1-nano": (0.1, 0.4)}  # OpenAI's, a million tokens
ANSWERED_AS = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
}
paid = []


class Provider(BaseHTTPRequestHandler):
    """Answers a call as OpenAI does, under the model's dated name."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        model = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))["model"]
        paid.append(model)
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": ANSWERED_AS[model],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": IN, "completion_tokens": OUT, "total_tokens": IN + OUT},
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


def made(model):
    """Calls that were paid under a cap of $0.05, the dollars told for one of them, and how the last ended."""
    paid.clear()
    tracker, budget, end = CostTracker(), BudgetManager([HardCapPolicy(0.05)]), "answered"
    plain = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=0)
    client = TrackedOpenAI(plain, tracker, budget)
    try:
        for _ in range(CALLS):
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])
    except (BudgetError, KeyError) as error:
        end = type(error).__name__
    return len(paid), round(tracker.total_cost / len(paid), 6), end


seen = {model: made(model) for model in ANSWERED_AS}
for name in ("llm-cost-guardian", "openai"):
    print(name, importlib.metadata.version(name))
listed = get_pricing("gpt-4o-mini").calculate_cost(IN, OUT)
print(f"one call of gpt-4o-mini by its own list: ${listed:.6f}")
for model, (calls, told, end) in seen.items():
    price = PRICES.get(model)
    owed = f"${calls * (IN * price[0] + OUT * price[1]) / 1e6:.4f}" if price else "something"
    print(f"{model}: {calls} of {CALLS} calls made for {owed}, ${told} told for each, ended by {end}")
wanted = [(12, 0.0045, "BudgetError"), (2, 0.042, "BudgetError"), (1, 0.0, "KeyError")]
sys.exit(list(seen.values()) != wanted or round(listed, 6) != 0.00027)
END
"$folder/venv/bin/python" "$folder/seen.py"
