#!/bin/sh
# LangChain's `get_usage_metadata_callback` leaves out all that Cohere's models have used.
#
# Guess: what a message says in `usage_metadata` is in the callback's sum, whichever model wrote the message.
# Seen:  two models, 1,000 tokens in each: the sum has OpenAI's alone. It drops messages whose model does not name itself.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-core==1.8.3 \
  langchain-cohere==0.6.0 langchain-openai==1.7.4
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
from langchain_cohere import ChatCohere
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_openai import ChatOpenAI


def by_openai(asked):
    message = {"role": "assistant", "content": "x"}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
    }


def by_cohere(asked):
    counts = {"input_tokens": 1000, "output_tokens": 10}
    return {
        "id": "m",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
        "usage": {"billed_units": counts, "tokens": counts},
    }


class Provider(BaseHTTPRequestHandler):
    """Both providers, each in its own form."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        answer = by_cohere if self.path == "/v2/chat" else by_openai
        body = json.dumps(answer(asked)).encode()
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
models = {
    "openai": ChatOpenAI(model="gpt-4o", api_key="none", base_url=f"{url}/v1"),
    "cohere": ChatCohere(model="command-a-03-2025", cohere_api_key="none", base_url=url),
}
for name in ("langchain-core", "langchain-cohere", "langchain-openai"):
    print(name, importlib.metadata.version(name))
said, named = {}, {}
with get_usage_metadata_callback() as counted:
    for name, model in models.items():
        message = model.invoke("x")
        said[name] = message.usage_metadata["input_tokens"]
        named[name] = message.response_metadata.get("model_name")
        print(f"{name}: its message says {said[name]} tokens in, of the model {named[name]}")
print("the callback:", {name: usage["input_tokens"] for name, usage in counted.usage_metadata.items()})
left_out = said == {"openai": 1000, "cohere": 1000} and list(counted.usage_metadata) == ["gpt-4o"]
sys.exit(0 if left_out and named == {"openai": "gpt-4o", "cohere": None} else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
