#!/bin/sh
# LlamaIndex's token budget sees neither the tools of a streamed call nor what it answers by calling one.
#
# Guess: `TokenCountingHandler(token_budget=...)` holds a streamed call to about what it holds the same call to without.
# Seen:  calls of 3,100 tokens each: a budget of 10,000 ends at the fourth without a stream; with one twenty are made, counted 140.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llama-index-core==0.14.25 \
  llama-index-llms-openai==0.8.3
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI

CALLS = 20
BUDGET = 10_000
USAGE = {"prompt_tokens": 3000, "completion_tokens": 100, "total_tokens": 3100}
ARGUMENTS = json.dumps({"text": "word " * 90})


def call(**more):
    return {"id": "t", "type": "function", "function": {"name": "write", "arguments": ARGUMENTS}} | more


def whole(asked):
    message = {"role": "assistant", "content": None, "tool_calls": [call()]}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
        "usage": USAGE,
    }


def streamed(asked):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
    delta = {"role": "assistant", "content": None, "tool_calls": [call(index=0)]}
    yield chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield chunk | {"choices": [], "usage": USAGE}


class Provider(BaseHTTPRequestHandler):
    """Calls the tool, whose description is most of the 3,000 tokens in; tells a stream's usage if it is asked to."""

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


def write(text: str) -> str:
    return text


def run(how):
    Provider.answers = 0
    counter = TokenCountingHandler(tokenizer=str.split, token_budget=BUDGET)
    model = OpenAI(
        model="gpt-4o", api_key="none", api_base=url, callback_manager=CallbackManager([counter])
    )
    tools = [FunctionTool.from_defaults(fn=write, description="word " * 2900)]
    end = "no error"
    try:
        for _ in range(CALLS):
            if how == "streamed":
                list(model.stream_chat_with_tools(tools, "write it"))
            else:
                model.chat_with_tools(tools, "write it")
    except ValueError as error:
        end = str(error)
    counted = counter.total_llm_token_count
    print(f"{how}: {Provider.answers} calls, {3100 * Provider.answers} tokens billed, {counted} counted: {end}")
    return Provider.answers, counted


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
for name in ("llama-index-core", "llama-index-llms-openai"):
    print(name, importlib.metadata.version(name))
plain = run("whole")
stream = run("streamed")
sys.exit(0 if plain == (4, 12400) and stream[0] == CALLS and stream[1] == 140 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
