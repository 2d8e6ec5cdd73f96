#!/bin/sh
# agent-budget-guard gives back the whole price of a streamed answer whose reader stops at its last word: its hard limit is never met.
#
# Guess: a "hard spending limit" counts what a stream cost as soon as it is known, and at least what it reserved if that stays unknown.
# Seen:  twenty answers of $0.0075, each read to the event that tells why it stopped and how many tokens it had: all are made under
#        $0.05, and $0 is told as spent. Read one event further, the same loop is stopped after six.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    agent-budget-guard==0.2.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent_budget_guard import BudgetedSession, BudgetExceededError

CALLS, OUT = 20, 500
MODEL = sys.argv[1]
paid = []


class Provider(BaseHTTPRequestHandler):
    """Streams an answer of 500 tokens: $0.0075 at $15 a million."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        paid.append(self.path)
        usage = {"input_tokens": 0, "output_tokens": 1}
        message = {"id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": []}
        message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
        stopped = {"stop_reason": "end_turn", "stop_sequence": None}
        text = {"type": "text_delta", "text": "x"}
        events = (
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": text},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": OUT}},
            {"type": "message_stop"},
        )
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()


def made(last):
    """Calls that were paid, and the dollars told as spent, where each answer is read up to an event of type `last`."""
    paid.clear()
    client = BudgetedSession.anthropic(
        budget_usd=0.05, api_key="none", base_url=f"http://127.0.0.1:{server.server_port}"
    )
    try:
        for _ in range(CALLS):
            for event in client.messages.create(
                model=MODEL, max_tokens=OUT, stream=True, messages=[{"role": "user", "content": "hello"}]
            ):
                if event.type == last:
                    break
    except BudgetExceededError:
        pass
    return len(paid), round(client.session.get_total_spent(), 4)


seen = {last: made(last) for last in ("message_delta", "message_stop")}
for name in ("agent-budget-guard", "anthropic"):
    print(name, importlib.metadata.version(name))
for last, (calls, spent) in seen.items():
    print(f"read up to {last}: {calls} of {CALLS} calls of $0.0075 made under $0.05, ${spent} told as spent")
sys.exit(list(seen.values()) != [(CALLS, 0), (6, 0.045)])
END
"$folder/venv/bin/python" "$folder/seen.py" claude-sonnet-4-6
