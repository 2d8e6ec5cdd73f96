#!/bin/sh
# OpenAI's Agents SDK counts 0 tokens for a streamed run on Chat Completions, unless the address is OpenAI's own.
#
# Guess: a run says the same usage streamed as not, or says that it does not know.
# Seen:  not streamed, 1,000 tokens in and 10 out; streamed, one request of 0 tokens: it did not ask the server to tell.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check openai-agents==0.24.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

import openai
from agents import Agent, OpenAIChatCompletionsModel, Runner

USAGE = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
HEAD = {"id": "c", "created": 1, "model": "m"}
options = []


def answer(asked):
    """Usage at the end of a stream is told where it is asked for, as OpenAI does."""
    if not asked.get("stream"):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
        told = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return "application/json", json.dumps(told)
    options.append(asked.get("stream_options"))
    head = {**HEAD, "object": "chat.completion.chunk"}
    delta = {"role": "assistant", "content": "x"}
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}]
    if (asked.get("stream_options") or {}).get("include_usage"):
        events.append({**head, "choices": [], "usage": USAGE})
    return "text/event-stream", "".join(
        f"data: {e}\n\n" for e in [*map(json.dumps, events), "[DONE]"]
    )


class Provider(BaseHTTPRequestHandler):
    """A thousand tokens in and ten out, as a stream or not."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        kind, text = answer(asked)
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
url = f"http://127.0.0.1:{server.server_port}"


async def runs():
    client = openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1")
    agent = Agent(name="a", model=OpenAIChatCompletionsModel(model="m", openai_client=client))
    whole = await Runner.run(agent, "hello")
    streamed = Runner.run_streamed(agent, "hello")
    async for _ in streamed.stream_events():
        pass
    return whole.context_wrapper.usage, streamed.context_wrapper.usage


shown = [(u.requests, u.input_tokens, u.output_tokens) for u in asyncio.run(runs())]
print("openai-agents", importlib.metadata.version("openai-agents"))
print("requests, tokens in, tokens out, not streamed:", shown[0])
print("requests, tokens in, tokens out, streamed:    ", shown[1], "stream_options:", options)
sys.exit(0 if shown == [(1, 1000, 10), (1, 0, 0)] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
