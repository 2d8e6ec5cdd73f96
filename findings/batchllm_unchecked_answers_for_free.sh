#!/bin/sh
# batchllm-ai counts nothing of answers that fail its check of their JSON, so that its `max_cost` never stops what pays for them.
#
# Guess: under a `max_cost` of $0.05 a run of calls of $0.006 stops after some nine of them, whatever the answers say.
# Seen:  with good answers it does; where a key is missing in each, all twenty items are asked for three times:
#        sixty calls, $0.36, of which $0.00 is told.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check batchllm-ai==0.2.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.disable(logging.CRITICAL)
from batchllm.cost import estimate_cost
from batchllm.processor import BatchConfig, BatchProcessor

ITEMS = 20
paid = []


class Provider(BaseHTTPRequestHandler):
    """$0.006 a call of gpt-4o."""

    protocol_version = "HTTP/1.1"
    says = ""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        paid.append(0.006)
        message = {"role": "assistant", "content": Provider.says}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o",
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
server.handle_error = lambda *asked: None  # a run that stops leaves a call alone


def run(says):
    """How many calls were paid, what they seem to have cost, and whether the limit of $0.05 stopped the run."""
    paid.clear()
    Provider.says = says
    processor = BatchProcessor(
        BatchConfig(
            model="gpt-4o",
            base_url=f"http://127.0.0.1:{server.server_port}/v1",
            api_key="none",
            max_concurrent=1,
            max_retries=2,
            retry_base_delay=0.0,
            max_cost=0.05,
            expect_json=True,
            expect_keys=["name"],
        )
    )
    asyncio.run(processor.process_items([f"item {n}" for n in range(ITEMS)]))
    stats = processor.stats
    cost = estimate_cost("gpt-4o", stats.total_tokens_in, stats.total_tokens_out)
    return len(paid), round(cost, 3), stats.stopped_early


for name in ("batchllm-ai", "openai"):
    print(name, importlib.metadata.version(name))
good = run('{"name": "x"}')
bad = run('{"title": "x"}')
for how, (calls, cost, stopped) in {"as asked": good, "a key is missing": bad}.items():
    print(f"{how}: {calls} calls paid, ${calls * 0.006:.3f}; told ${cost:.3f}; {'stopped' if stopped else 'not stopped'}")
sys.exit((good[2], bad) != (True, (60, 0.0, False)))
END
"$folder/venv/bin/python" "$folder/seen.py"
