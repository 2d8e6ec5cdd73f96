#!/bin/sh
# LiteLLM's `litellm.max_budget` never stops a call: the cost that it is held against stays $0.
#
# Guess: with `max_budget` set, calls raise BudgetExceededError once their sum has passed it.
# Seen:  20 calls of $0.006 under $0.02, in a row, streamed and asynchronous: 20 answers each time, counted $0.00;
#        the library's own price for each answer is $0.006.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check litellm==1.110.2
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

CALLS = 20
USAGE = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}
HEAD = {"id": "c", "created": 1, "model": "gpt-4o"}


class Provider(BaseHTTPRequestHandler):
    """$0.003 for what comes in and $0.003 for what goes out, as a stream or not."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        said = {"role": "assistant", "content": "x"}
        if asked.get("stream"):
            head = {**HEAD, "object": "chat.completion.chunk"}
            choice = {"index": 0, "delta": said, "finish_reason": "stop"}
            events = [{**head, "choices": [choice]}, {**head, "choices": [], "usage": USAGE}]
            text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
            kind, text = "text/event-stream", text + "data: [DONE]\n\n"
        else:
            choice = {"index": 0, "finish_reason": "stop", "message": said}
            document = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
            kind, text = "application/json", json.dumps(document)
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
call = {
    "model": "openai/gpt-4o",
    "messages": [{"role": "user", "content": "hello"}],
    "api_base": f"http://127.0.0.1:{server.server_port}/v1",
    "api_key": "none",
}
streamed = {**call, "stream": True, "stream_options": {"include_usage": True}}


async def asynchronous():
    for _ in range(CALLS):
        await litellm.acompletion(**call)


litellm.max_budget = 0.02
answered = {}
for _ in range(CALLS):
    answer = litellm.completion(**call)
answered["in a row"] = CALLS
for _ in range(CALLS):
    assert list(litellm.completion(**streamed))
answered["streamed"] = CALLS
asyncio.run(asynchronous())
answered["asynchronous"] = CALLS
each = litellm.completion_cost(answer)

print("litellm", importlib.metadata.version("litellm"))
print(f"budget ${litellm.max_budget}, answered without an error: {answered}")
print(f"by its own price ${each:.3f} a call; counted: ${litellm._current_cost:.2f}")
sys.exit(not (round(each, 6) == 0.006 and litellm._current_cost == 0))
END
"$folder/venv/bin/python" "$folder/seen.py"
