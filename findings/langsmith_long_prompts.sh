#!/bin/sh
# LangSmith's wrapper of Google's package puts at the price of long prompts only what lies beyond 200,000 tokens, or nothing.
#
# Guess: of a prompt of 300,000 tokens all are `over_200k`, and its output too: Gemini bills the whole call at the higher rates.
# Seen:  none of them; where 50,000 of them came from the cache, 50,000; and of the output none. By these parts $0.475 of $0.90.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langsmith==0.15.1 google-genai==3.6.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import sys
import threading
import warnings
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
os.environ["LANGSMITH_TRACING"] = "true"
from google import genai
from langsmith import Client
from langsmith.wrappers import wrap_gemini

PROMPT, OUTPUT = 300_000, 10_000
# Gemini 2.5 Pro, dollars a million tokens: for prompts of at most 200,000 tokens, and for longer ones.
SHORT = {"in": Decimal("1.25"), "out": Decimal(10), "cached": Decimal("0.125")}
LONG = {"in": Decimal("2.50"), "out": Decimal(15), "cached": Decimal("0.25")}
runs = []


def answer(cached):
    usage = {"promptTokenCount": PROMPT, "candidatesTokenCount": OUTPUT, "totalTokenCount": PROMPT + OUTPUT}
    if cached:
        usage["cachedContentTokenCount"] = cached
    content = {"role": "model", "parts": [{"text": "x"}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-pro",
    }


class Both(BaseHTTPRequestHandler):
    """Google's API, and LangSmith's, which keeps what it is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if "generateContent" in self.path:
            self.tell(answer(50_000 if b"cached" in body else 0))
        else:
            runs.append(json.loads(body))
            self.tell({})

    do_PATCH = do_POST

    def do_GET(self):
        self.tell({})

    def tell(self, told):
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def dollars(long, cached):
    """What a call costs of which these counts are billed as a long prompt's."""
    tokens = {"in": PROMPT - cached, "out": OUTPUT, "cached": cached}
    return sum((tokens[kind] - long[kind]) * SHORT[kind] + long[kind] * LONG[kind] for kind in tokens) / 1_000_000


def ask(how, cached):
    runs.clear()
    client.models.generate_content(model="gemini-2.5-pro", contents=how)
    outputs = [run["outputs"] for run in runs if run.get("outputs")]
    usage = next(told["usage_metadata"] for told in outputs if "usage_metadata" in told)
    read, written = usage["input_token_details"], usage["output_token_details"]
    long = {
        "in": read.get("over_200k", 0),
        "out": written.get("over_200k", 0),
        "cached": read.get("cache_read_over_200k", 0),
    }
    told = dollars(long, cached)
    billed = dollars({"in": PROMPT - cached, "out": OUTPUT, "cached": cached}, cached)
    print(f"{how}: {usage['input_tokens']} in, over_200k {long}: ${told:.4f} by the rates of ${billed:.4f} billed")
    return usage["input_tokens"], long["in"], long["out"], told, billed


server = ThreadingHTTPServer(("127.0.0.1", 0), Both)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
smith = Client(api_url=url, api_key="none", auto_batch_tracing=False, info={})
gemini = genai.Client(api_key="none", http_options={"base_url": url})
client = wrap_gemini(gemini, tracing_extra={"client": smith})
for name in ("langsmith", "google-genai"):
    print(name, importlib.metadata.version(name))
fresh = ask("all of it fresh", 0)
cached = ask("a part of it cached", 50_000)
right = fresh == (PROMPT, 0, 0, Decimal("0.475"), Decimal("0.9")) and cached[:3] == (PROMPT, 50_000, 0)
sys.exit(0 if right else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
