#!/bin/sh
# ecoai tells of savings in which each token of a prompt has the price of output: four times what gpt-4o costs, fourteen times Opus 4.5.
#
# Guess: a call that is answered from the cache saves what that call cost: its input at the price of input, its output at its own.
# Seen:  10,000 tokens in and 100 out of gpt-4o cost $0.026 and are told as $0.101; of Claude Opus 4.5, $0.0525 and $0.7575.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ecoai-python==0.1.3 openai==3.57.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
from ecoai import EcoAI

IN, OUT = 10_000, 100
COST = {"gpt-4o": (IN * 2.5 + OUT * 10) / 1e6, "claude-opus-4-5": (IN * 5 + OUT * 25) / 1e6}
paid = []


class Provider(BaseHTTPRequestHandler):
    """Answers a call of either kind."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        model = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))["model"]
        paid.append(model)
        if model == "gpt-4o":
            message = {"role": "assistant", "content": "x"}
            told = {
                "object": "chat.completion",
                "created": 1,
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": IN, "completion_tokens": OUT, "total_tokens": IN + OUT},
            }
        else:
            told = {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": "x"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": IN, "output_tokens": OUT},
            }
        body = json.dumps({"id": "c", "model": model, **told}).encode()
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
said = {"messages": [{"role": "user", "content": "Sum it up"}]}


def saved(client, call):
    """The dollars that are told as saved by asking twice."""
    eco = EcoAI(client=client, storage="memory", log_path=f"{type(client).__name__}.db")
    for _ in range(2):
        call(eco)
    return round(eco.summary().cost_saved_usd, 4)


seen = {
    "gpt-4o": saved(
        openai.OpenAI(api_key="none", base_url=url), lambda eco: eco.chat.completions.create(model="gpt-4o", **said)
    ),
    "claude-opus-4-5": saved(
        anthropic.Anthropic(api_key="none", base_url=url),
        lambda eco: eco.messages.create(model="claude-opus-4-5", max_tokens=OUT, **said),
    ),
}
for name in ("ecoai-python", "openai", "anthropic"):
    print(name, importlib.metadata.version(name))
for model, told in seen.items():
    print(f"{model}: one call of two was saved, which cost ${COST[model]:.4f}; told: ${told}")
sys.exit((paid, seen) != (["gpt-4o", "claude-opus-4-5"], {"gpt-4o": 0.101, "claude-opus-4-5": 0.7575}))
END
cd "$folder"
"$folder/venv/bin/python" "$folder/seen.py"
