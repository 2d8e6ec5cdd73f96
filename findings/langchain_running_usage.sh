#!/bin/sh
# LangChain adds up the usage of every chunk of a stream, where a server tells it as it stands so far.
#
# Guess: of running totals the last one is the usage: 10 tokens in, 3 out. vLLM sends them so (`continuous_usage_stats`).
# Seen:  each chunk counts anew: the prompt once for every chunk, so a long answer seems to have cost a hundred prompts.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-openai==1.7.4 langchain-core==1.8.3
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_openai import ChatOpenAI

WORDS = ["one", " two", " three"]


def chunk(place, word):
    """A chunk that tells what was used up to here."""
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": word},
                "finish_reason": "stop" if place == len(WORDS) else None,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": place, "total_tokens": 10 + place},
    }


def answer(asked):
    events = [json.dumps(chunk(place, word)) for place, word in enumerate(WORDS, 1)]
    return "text/event-stream", "".join(f"data: {e}\n\n" for e in [*events, "[DONE]"])


class Provider(BaseHTTPRequestHandler):
    """An answer of three words, with its running usage in every chunk."""

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
whole = None
for part in ChatOpenAI(model="m", api_key="none", base_url=f"{url}/v1").stream("hello"):
    whole = part if whole is None else whole + part
seen = {name: whole.usage_metadata[name] for name in ("input_tokens", "output_tokens")}
print("langchain-openai", importlib.metadata.version("langchain-openai"))
print("told by the server at the end: 10 in, 3 out")
print("usage_metadata of the whole:  ", seen)
sys.exit(0 if seen == {"input_tokens": 30, "output_tokens": 6} else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
