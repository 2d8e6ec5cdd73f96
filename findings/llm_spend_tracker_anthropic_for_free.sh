#!/bin/sh
# llm-spend-tracker takes a client of Anthropic's, which it says to wrap, and counts none of its calls: no budget, no warning.
#
# Guess: `track(client, budget=0.01)` stops a client of Anthropic's as it stops one of OpenAI's, or refuses what it cannot count.
# Seen:  ten calls of $0.0525 to Claude 3 Opus are made, $0.525, and $0.00 told; OpenAI's client is stopped at its second call.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-spend-tracker==0.1.0 anthropic==2.14.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
from llm_spend import BudgetExceeded, track

CALLS = 10
warnings.simplefilter("ignore", DeprecationWarning)
paid = []


class Provider(BaseHTTPRequestHandler):
    """1,500 tokens in and 400 out, of either."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        paid.append(asked["model"])
        if self.path.endswith("/messages"):
            told = {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": asked["model"],
                "content": [{"type": "text", "text": "x"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 1500, "output_tokens": 400},
            }
        else:
            message = {"role": "assistant", "content": "x"}
            told = {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": asked["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 1500, "completion_tokens": 400, "total_tokens": 1900},
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
url = f"http://127.0.0.1:{server.server_port}"
messages = [{"role": "user", "content": "hello"}]
claude = track(anthropic.Anthropic(api_key="none", base_url=url, max_retries=0), budget=0.01)
gpt = track(openai.OpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0), budget=0.01)


def made(client, call):
    """How many calls were paid under $0.01, what is told of them, and how they ended."""
    paid.clear()
    try:
        for _ in range(CALLS):
            call()
    except BudgetExceeded:
        return len(paid), round(client.spending.total_cost, 4), "stopped"
    return len(paid), round(client.spending.total_cost, 4), "not stopped"


of_openai = made(gpt, lambda: gpt.chat.completions.create(model="gpt-4o", messages=messages))
of_anthropic = made(
    claude, lambda: claude.messages.create(model="claude-3-opus-20240229", max_tokens=400, messages=messages)
)
for name in ("llm-spend-tracker", "openai", "anthropic"):
    print(name, importlib.metadata.version(name))
for whose, (calls, told, end) in {"OpenAI's": of_openai, "Anthropic's": of_anthropic}.items():
    print(f"{whose} client under $0.01: {calls} of {CALLS} calls paid, ${told} told, {end}")
sys.exit((of_openai, of_anthropic) != ((2, 0.0155, "stopped"), (CALLS, 0.0, "not stopped")))
END
"$folder/venv/bin/python" "$folder/seen.py"
