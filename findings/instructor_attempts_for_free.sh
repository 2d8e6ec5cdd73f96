#!/bin/sh
# instructor says that attempts which failed have used 0 tokens, where they went to OpenAI's Responses.
#
# Guess: `total_usage` of its exception is what all attempts have used, or None where it does not know.
# Seen:  four attempts of 1,000 tokens in: 4,000 on Chat Completions; on Responses zeros, in the same form.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check instructor==1.17.0 openai==2.54.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import instructor
import openai
from instructor.core import InstructorRetryException
from pydantic import BaseModel

logging.disable(logging.ERROR)
ARGUMENTS = json.dumps({"age": "unknown"})


def on_chat(asked):
    called = {"name": asked["tools"][0]["function"]["name"], "arguments": ARGUMENTS}
    calls = [{"id": "t", "type": "function", "function": called}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
    }


def on_responses(asked):
    call = {"type": "function_call", "id": "f", "call_id": "c", "status": "completed"}
    call |= {"name": asked["tools"][0]["name"], "arguments": ARGUMENTS}
    return {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": asked["model"],
        "status": "completed",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": [call],
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 1010,
        },
    }


class Provider(BaseHTTPRequestHandler):
    """Never has a number for the age."""

    protocol_version = "HTTP/1.1"
    answers = 0

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        Provider.answers += 1
        answer = on_responses if self.path.endswith("/responses") else on_chat
        body = json.dumps(answer(asked)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Person(BaseModel):
    age: int


def attempts(mode):
    Provider.answers = 0
    client = instructor.from_openai(openai.OpenAI(api_key="none", base_url=url), mode=mode)
    try:
        client.chat.completions.create(
            model="gpt-5",
            response_model=Person,
            max_retries=3,
            messages=[{"role": "user", "content": "how old?"}],
        )
    except InstructorRetryException as error:
        told = error.total_usage
    print(f"{mode}: {Provider.answers} attempts, {1000 * Provider.answers} tokens in;", end=" ")
    print(f"told: {told.prompt_tokens} in, {told.completion_tokens} out")
    return Provider.answers, told.prompt_tokens, told.completion_tokens


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
for name in ("instructor", "openai"):
    print(name, importlib.metadata.version(name))
chat = attempts(instructor.Mode.TOOLS)
responses = attempts(instructor.Mode.RESPONSES_TOOLS)
sys.exit(0 if (chat, responses) == ((4, 4000, 40), (4, 0, 0)) else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
