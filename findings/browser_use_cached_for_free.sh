#!/bin/sh
# browser-use takes what came from the cache for free where the price file has no price for the cache.
#
# Guess: tokens without a price of their own cost what input costs, as for a model that gives no discount; or no cost is told.
# Seen:  of 10,000 tokens in at $1 a million, 9,000 of them from the cache, $0.001 is told and $0.01 billed: a `cost` that
#        looks like any other.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check browser-use==0.13.14
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ.update(ANONYMIZED_TELEMETRY="false", BROWSER_USE_SETUP_LOGGING="false")
logging.disable(logging.CRITICAL)
from browser_use import ChatOpenAI
from browser_use.llm.messages import UserMessage
from browser_use.tokens.service import TokenCost

PRICES = {"own": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}
USAGE = {"prompt_tokens": 10000, "completion_tokens": 100, "total_tokens": 10100}


class Provider(BaseHTTPRequestHandler):
    """Its prices by GET, in the form of LiteLLM's file, and its model by POST: 9,000 of 10,000 tokens in were cached."""

    protocol_version = "HTTP/1.1"
    cached = 0

    def do_GET(self):
        self.say(PRICES)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "own",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": Provider.cached}},
        }
        self.say(told)

    def say(self, told):
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


async def told(cached):
    """The tokens in, and the cost of them, of one call of which so many came from the cache."""
    Provider.cached = cached
    costs = TokenCost(include_cost=True, pricing_url=f"{url}/prices.json")
    model = costs.register_llm(ChatOpenAI(model="own", api_key="none", base_url=f"{url}/v1", max_retries=0))
    await model.ainvoke([UserMessage(content="hello")])
    summary = await costs.get_usage_summary()
    return summary.total_prompt_tokens, round(summary.total_prompt_cost, 6)


print("browser-use", importlib.metadata.version("browser-use"))
seen = {cached: asyncio.run(told(cached)) for cached in (0, 9000)}
for cached, (tokens, usd) in seen.items():
    print(f"{tokens} tokens in, {cached} from the cache: ${usd} told")
sys.exit(seen != {0: (10000, 0.01), 9000: (10000, 0.001)})
END
HOME="$folder" XDG_CACHE_HOME="$folder/cache" "$folder/venv/bin/python" "$folder/seen.py"
