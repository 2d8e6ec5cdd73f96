#!/bin/sh
# browser-use tells for each of two agents that share a model what both have used, whoever made the calls.
#
# Guess: the usage of an agent is that of its own calls; two that ran beside each other add up to what was paid.
# Seen:  two agents, one call of 1,000 tokens in each: both tell two calls and 2,000 tokens, as each wraps the `ainvoke` of
#        the object that it was given, and what the other has wrapped around it.
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

os.environ.update(
    ANONYMIZED_TELEMETRY="false", BROWSER_USE_CLOUD_SYNC="false", BROWSER_USE_SETUP_LOGGING="false"
)
logging.disable(logging.CRITICAL)
from browser_use import Agent, ChatOpenAI
from browser_use.llm.messages import UserMessage

paid = []


class Provider(BaseHTTPRequestHandler):
    """1,000 tokens in and 100 out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        paid.append(1000)
        message = {"role": "assistant", "content": "x"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
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


def model():
    url = f"http://127.0.0.1:{server.server_port}/v1"
    return ChatOpenAI(model="gpt-4o", api_key="none", base_url=url, max_retries=0)


async def told(models):
    """What the agents of these models tell that they have used, after one call of each."""
    paid.clear()
    agents = [Agent(task="say hello", llm=used) for used in models]
    for agent in agents:
        await agent.llm.ainvoke([UserMessage(content="hello")])
    usages = [await agent.token_cost_service.get_usage_summary() for agent in agents]
    return sum(paid), [(usage.entry_count, usage.total_prompt_tokens) for usage in usages]


print("browser-use", importlib.metadata.version("browser-use"))
apart = asyncio.run(told([model(), model()]))
shared = asyncio.run(told([model()] * 2))
for how, (tokens, usages) in {"a model for each": apart, "one model for both": shared}.items():
    print(f"{how}: {tokens} tokens in were paid for;", ", ".join(f"{calls} calls, {used} in" for calls, used in usages))
sys.exit((apart, shared) != ((2000, [(1, 1000)] * 2), (2000, [(2, 2000)] * 2)))
END
HOME="$folder" XDG_CACHE_HOME="$folder/cache" "$folder/venv/bin/python" "$folder/seen.py"
