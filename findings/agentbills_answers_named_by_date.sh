#!/bin/sh
# agentbills tells $0 for nearly every call of OpenAI's, though it has the price of what was asked: it looks up the name that came back.
#
# Guess: `gpt-4o`, which its price list has at $2.50 and $10.00 a million tokens, is priced so; a name without a price is told as such.
# Seen:  OpenAI answers `gpt-4o` as `gpt-4o-2024-08-06`, and that is no key of the list: $0.00 and "ok" for $3.50. So it is with
#        `gpt-4o-mini`, `o1` and `o3-mini`; of Bedrock's own ids for Claude 4, 3.5 and 3 none is a key either.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check agentbills==0.2.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import agentbills
import openai
from agentbills.pricing import MODEL_PRICING, calculate_cost

ANSWERED_AS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "o1": "o1-2024-12-17",
    "o3-mini": "o3-mini-2025-01-31",
}
IN_BEDROCK = (
    "anthropic.claude-opus-4-20250514-v1:0",
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "anthropic.claude-3-haiku-20240307-v1:0",
)
IN, OUT = 1_000_000, 100_000
told = []


class Server(BaseHTTPRequestHandler):
    """Answers a call as OpenAI does, under the model's dated name; and takes events as agentbills' server does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if "events" in asked:
            told.extend(asked["events"])
            answer = {}
        else:
            message = {"role": "assistant", "content": "x"}
            answer = {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": ANSWERED_AS[asked["model"]],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": IN, "completion_tokens": OUT, "total_tokens": IN + OUT},
            }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
bills = agentbills.instrument(api_key="none", base_url=url)
client = openai.OpenAI(api_key="none", base_url=url)
for model in ANSWERED_AS:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])
bills.flush()
for name in ("agentbills", "openai"):
    print(name, importlib.metadata.version(name))
for asked, event in zip(ANSWERED_AS, told):
    dollars = calculate_cost(asked, IN, OUT)
    print(f"{asked}: {event['total_tokens']:,} tokens cost ${dollars:.2f}; told: ${event['cost_usd']:.2f}, {event['status']}")
of_bedrock = [calculate_cost(name, IN, OUT) for name in IN_BEDROCK]
print("of Bedrock:", dict(zip(IN_BEDROCK, of_bedrock)))
listed = all(name in MODEL_PRICING for name in ANSWERED_AS)
free = [event["cost_usd"] for event in told] + of_bedrock == [0.0] * 8
sys.exit(not (listed and free and {event["status"] for event in told} == {"ok"}))
END
"$folder/venv/bin/python" "$folder/seen.py"
