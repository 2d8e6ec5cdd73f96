#!/bin/sh
# agentbreaker prices every model as Llama 3.3 at Groq: a limit of $1.00 lets fifty calls of gpt-4 through that cost $18.
#
# Guess: `max_cost_usd` is held against what the model's calls cost, as LangChain's callback is told which model it was; a model
#        without a price is told as such.
# Seen:  each call of $0.36 is counted as $0.0067: fifty of them, $18.00, are "$0.3345", and nothing is stopped or warned of.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check agentbreaker-sdk==2.1.0 langchain-openai==1.7.4 langchain-core==1.8.3
cat >"$folder/seen.py" <<'END'
import contextlib
import importlib.metadata
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agentbreaker.circuit_breaker import CircuitBreaker
from agentbreaker.langchain_adapter import LangChainCircuitBreakerCallback
from langchain_openai import ChatOpenAI

CALLS = 50
paid = []


class Provider(BaseHTTPRequestHandler):
    """A call of gpt-4 of 10,000 tokens in for $30 a million, and 1,000 out for $60 a million."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        paid.append(asked["model"])
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 10000, "completion_tokens": 1000, "total_tokens": 11000},
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
breaker = CircuitBreaker("run", {"max_cost_usd": 1.00, "max_iterations": 1000, "max_time_seconds": 600})
model = ChatOpenAI(
    model="gpt-4",
    api_key="none",
    base_url=f"http://127.0.0.1:{server.server_port}/v1",
    callbacks=[LangChainCircuitBreakerCallback(breaker)],
)
with contextlib.redirect_stdout(io.StringIO()):
    for _ in range(CALLS):
        model.invoke("hello")
for name in ("agentbreaker-sdk", "langchain-openai", "langchain-core"):
    print(name, importlib.metadata.version(name))
summary = breaker.get_summary()
told, tripped, warned = summary["total_cost_usd"], summary["is_tripped"], summary["warnings"]
print(f"{len(paid)} calls under $1.00: ${len(paid) * 0.36:.2f} billed, ${told} told; tripped: {tripped}, warnings: {warned}")
sys.exit((len(paid), told, tripped, warned) != (CALLS, 0.3345, False, []))
END
"$folder/venv/bin/python" "$folder/seen.py"
