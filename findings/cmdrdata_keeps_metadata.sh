#!/bin/sh
# cmdrdata's "drop-in" client of OpenAI keeps OpenAI's own `metadata` for itself, and bills no customer for what was streamed.
#
# Guess: "everything else works exactly the same": `metadata` and `store` reach OpenAI; a stream that tells its usage is told on.
# Seen:  the request has `store` and no `metadata`: completions are stored that no filter finds. Of two calls of 1,500 tokens for one
#        customer the streamed one is told to nobody, though its last chunk has the usage and its events have a field `streaming`.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cmdrdata-openai==0.2.1 openai==3.57.0 packaging==25.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import logging
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
logging.disable(logging.INFO)
from cmdrdata_openai import TrackedOpenAI  # noqa: E402

USAGE = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}
asked, told = [], []


class Provider(BaseHTTPRequestHandler):
    """Answers a completion, streamed where that is asked for, with its usage."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))
        head = {"id": "c", "created": 1, "model": "gpt-4o"}
        message = {"role": "assistant", "content": "x"}
        if asked[-1].get("stream"):
            head["object"] = "chat.completion.chunk"
            word = {**head, "choices": [{"index": 0, "finish_reason": "stop", "delta": message}]}
            last = {**head, "choices": [], "usage": USAGE}
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in (word, last)) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            head["object"] = "chat.completion"
            body = json.dumps(
                {**head, "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": USAGE}
            )
            kind = "application/json"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = TrackedOpenAI(
    api_key="none",
    tracker_key="cmd_" + "a1" * 20,
    base_url=f"http://127.0.0.1:{server.server_port}",
)
client._tracker.track_usage_background = lambda **event: told.append(event)  # instead of sending it
said = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "customer_id": "customer-1"}
client.chat.completions.create(**said, store=True, metadata={"ticket": "7"})
chunks = [*client.chat.completions.create(**said, stream=True, stream_options={"include_usage": True})]
for name in ("cmdrdata-openai", "openai"):
    print(name, importlib.metadata.version(name))
print("OpenAI is asked with:", sorted(asked[0]))
counted = [event["input_tokens"] + event["output_tokens"] for event in told]
print(f"calls paid: {len(asked)}, of {USAGE['total_tokens']} tokens each; told for the customer: {counted}")
print("the stream's usage:", chunks[-1].usage.total_tokens)
lost = asked[0].get("store") is True and "metadata" not in asked[0]
sys.exit(not (lost and counted == [1500] and len(asked) == 2 and chunks[-1].usage.total_tokens == 1500))
END
"$folder/venv/bin/python" "$folder/seen.py"
