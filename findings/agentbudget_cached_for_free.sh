#!/bin/sh
# agentbudget counts nothing of what an Anthropic call reads from the cache or writes to it: $0.02 told, $1.62 billed.
#
# Guess: with `init("$1.00")` the calls of an agent that caches its prompt, as agents do, end once they cost more than $1.
# Seen:  nine calls of 100,000 cached tokens each: all nine answered, $0.0158 counted; not cached, the second is stopped.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check agentbudget==0.4.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import agentbudget
import anthropic

CALLS = 9
SHARED = 100_000
# claude-opus-4-5, dollars a million tokens: in, out, written to the cache for five minutes, read from it.
RATES = {
    "input_tokens": Decimal(5),
    "output_tokens": Decimal(25),
    "cache_creation_input_tokens": Decimal("6.25"),
    "cache_read_input_tokens": Decimal("0.5"),
}


def usage(asked, number):
    counts = dict.fromkeys(RATES, 0) | {"input_tokens": 100, "output_tokens": 50}
    if "cached" not in str(asked["messages"]):
        counts["input_tokens"] += SHARED
    elif number % 5 == 1:
        counts["cache_creation_input_tokens"] = SHARED
    else:
        counts["cache_read_input_tokens"] = SHARED
    return counts


class Provider(BaseHTTPRequestHandler):
    """An agent's long prompt, written to the cache, read four times, written anew after a pause."""

    protocol_version = "HTTP/1.1"
    answers = 0
    billed = Decimal(0)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        Provider.answers += 1
        counts = usage(asked, Provider.answers)
        Provider.billed += sum(counts[kind] * rate for kind, rate in RATES.items()) / 1_000_000
        told = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [{"type": "text", "text": "x"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": counts,
        }
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def run(how):
    Provider.answers, Provider.billed = 0, Decimal(0)
    agentbudget.init("$1.00")
    client = anthropic.Anthropic(api_key="none", base_url=url, max_retries=0)
    end = "no error"
    try:
        for _ in range(CALLS):
            client.messages.create(
                model="claude-opus-4-5",
                max_tokens=50,
                messages=[{"role": "user", "content": how}],
            )
    except agentbudget.BudgetExhausted as error:
        end = type(error).__name__
    spent = agentbudget.spent()
    agentbudget.teardown()
    print(f"{how}: {Provider.answers} answers, ${Provider.billed} billed, ${spent:.4f} counted, {end}")
    return Provider.answers, Provider.billed, round(spent, 4), end


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
for name in ("agentbudget", "anthropic"):
    print(name, importlib.metadata.version(name))
plain = run("plain")
cached = run("cached")
stops = plain[3] == "BudgetExhausted" and plain[0] == 2
passes = cached[0] == CALLS and cached[1] > 1 and cached[2] == 0.0158 and cached[3] == "no error"
sys.exit(0 if stops and passes else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
