#!/bin/sh
# AutoGen's `TokenUsageTermination` never ends a team whose agents stream: their calls count 0 tokens, without a word.
#
# Guess: a team that may use 3,000 tokens ends at 3,000 tokens, with `model_client_stream=True` as without.
# Seen:  not streamed it ends at the third call of 1,010 tokens; streamed all thirty are made, and 0 tokens told.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "autogen-ext[openai]==0.7.5" \
  autogen-agentchat==0.7.5 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import logging
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination, TokenUsageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
TURNS = 30
TOKENS = 3000
USAGE = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}


def whole(asked):
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "go on"}}
        ],
        "usage": USAGE,
    }


def streamed(asked):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
    delta = {"role": "assistant", "content": "go on"}
    yield chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield chunk | {"choices": [], "usage": USAGE}


class Provider(BaseHTTPRequestHandler):
    """Answers for 1,000 tokens in and 10 out, and tells a stream's usage if it is asked to."""

    protocol_version = "HTTP/1.1"
    answers = 0

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        Provider.answers += 1
        kind, body = "application/json", json.dumps(whole(asked))
        if asked.get("stream"):
            kind = "text/event-stream"
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in streamed(asked)) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


async def run(how):
    Provider.answers = 0
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key="none", base_url=url)
    agents = [
        AssistantAgent(name, model_client=client, model_client_stream=how == "streamed")
        for name in ("one", "other")
    ]
    ends = TokenUsageTermination(max_total_token=TOKENS) | MaxMessageTermination(TURNS + 1)
    result = await RoundRobinGroupChat(agents, termination_condition=ends).run(task="go on")
    told = client.total_usage()
    counted = told.prompt_tokens + told.completion_tokens
    print(f"{how}: {Provider.answers} calls, {1010 * Provider.answers} tokens paid for, {counted} counted:")
    print("   ", result.stop_reason)
    return Provider.answers, counted


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
for name in ("autogen-agentchat", "autogen-ext"):
    print(name, importlib.metadata.version(name))
plain = asyncio.run(run("whole"))
stream = asyncio.run(run("streamed"))
sys.exit(0 if (plain, stream) == ((3, 3030), (TURNS, 0)) else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
