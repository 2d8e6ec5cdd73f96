#!/bin/sh
# LangChain's counter of OpenAI's costs says $0.0 for a model that its table does not have.
#
# Guess: a model without a price raises, or its cost is None.
# Seen:  the tokens are counted, `total_cost` stays 0.0, and there is no warning.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-openai==1.7.4 langchain-core==1.8.3 langchain-community==0.4.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_openai import ChatOpenAI

with warnings.catch_warnings(action="ignore"):
    from langchain_community.callbacks import get_openai_callback


def answer(asked):
    message = {"role": "assistant", "content": "x"}
    told = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {
            "prompt_tokens": 1_000_000,
            "completion_tokens": 1_000_000,
            "total_tokens": 2_000_000,
        },
    }
    return "application/json", json.dumps(told)


class Provider(BaseHTTPRequestHandler):
    """A million tokens in and a million out, of whatever model is asked."""

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
print("langchain-community", importlib.metadata.version("langchain-community"))
shown = {}
for model in ("gpt-5", "gpt-5.5"):
    with warnings.catch_warnings(record=True) as warned, get_openai_callback() as counted:
        warnings.simplefilter("always")
        ChatOpenAI(model=model, api_key="none", base_url=f"{url}/v1").invoke("hello")
    shown[model] = counted.total_cost
    print(f"{model:8} tokens {counted.total_tokens}, total_cost {counted.total_cost},", end=" ")
    print("warnings about it:", [str(w.message) for w in warned if model in str(w.message)])
    if any(model in str(w.message) for w in warned):
        sys.exit(1)
sys.exit(0 if shown["gpt-5"] > 0 and shown["gpt-5.5"] == 0 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
