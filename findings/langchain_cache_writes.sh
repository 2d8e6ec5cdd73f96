#!/bin/sh
# LangChain says that nothing was written to Anthropic's cache, where the answer splits the writes by their time to live.
#
# Guess: `cache_creation` of the details is all that was written, and the two kinds are parts of it.
# Seen:  300 tokens were written, 100 for five minutes and 200 for an hour, and `cache_creation` is 0.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-anthropic==1.7.10 langchain-core==1.8.3
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_anthropic import ChatAnthropic

warnings.simplefilter("ignore")
WRITES = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}


def answer(asked):
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 300,
    }
    if "split" in str(asked["messages"]):
        usage["cache_creation"] = WRITES
    told = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    return "application/json", json.dumps(told)


class Provider(BaseHTTPRequestHandler):
    """An answer that wrote 300 tokens to the cache, told with and without the parts."""

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
print("langchain-anthropic", importlib.metadata.version("langchain-anthropic"))
shown = {}
for how in ("whole", "split"):
    client = ChatAnthropic(model="claude-sonnet-4-5", api_key="none", base_url=url)
    details = client.invoke(f"told {how}").usage_metadata["input_token_details"]
    shown[how] = details["cache_creation"]
    print(f"300 tokens written, told {how}:", dict(details))
sys.exit(0 if shown == {"whole": 300, "split": 0} else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
