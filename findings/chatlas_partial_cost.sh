#!/bin/sh
# chatlas adds the tokens of a model without a price to its row of usage, and leaves their dollars out.
#
# Guess: a sum of which a part is unknown is unknown, or each model has a row of its own.
# Seen:  a row for a provider, under the name of the first model; its cost is that of the priced calls, and looks whole.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check chatlas==0.23.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import chatlas


def answer(asked):
    message = {"role": "assistant", "content": "x"}
    head = {"id": "x", "created": 1, "model": asked["model"]}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    choice = {"index": 0, "finish_reason": "stop"}
    if not asked.get("stream"):
        choices = [{**choice, "message": message}]
        told = {**head, "object": "chat.completion", "choices": choices, "usage": usage}
        return "application/json", json.dumps(told)
    head["object"] = "chat.completion.chunk"
    events = [
        {**head, "choices": [{**choice, "delta": message}]},
        {**head, "choices": [], "usage": usage},
    ]
    return "text/event-stream", "".join(
        f"data: {e}\n\n" for e in [*map(json.dumps, events), "[DONE]"]
    )


class Provider(BaseHTTPRequestHandler):
    """A thousand tokens in and a hundred out, of whatever model is asked."""

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
rows = []
for model in ("gpt-4o", "gpt-of-next-year"):
    chat = chatlas.ChatOpenAICompletions(model=model, api_key="none", base_url=f"{url}/v1")
    chat.chat("hello", echo="none")
    (row,) = chatlas.token_usage()
    rows.append(row)
print("chatlas", importlib.metadata.version("chatlas"))
print("after a call of gpt-4o:               ", rows[0])
print("after one more of a model of no price:", rows[1])
same = rows[0]["cost"] == rows[1]["cost"] > 0 and rows[1]["model"] == "gpt-4o"
sys.exit(0 if same and rows[1]["input"] == 2 * rows[0]["input"] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
