#!/bin/sh
# Hugging Face's InferenceClient splits events of a stream where JSON has no line end.
#
# Guess: an event of a stream ends where the protocol says, so any valid JSON may stand in it.
# Seen:  a line separator inside a JSON text (U+2028, legal there) cuts the event in two, and the first half raises JSONDecodeError.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check huggingface_hub==2.4.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from huggingface_hub import InferenceClient

TEXT = "one line" + chr(0x2028) + "and another"
CHUNK = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
}
EVENT = f"data: {json.dumps(CHUNK, ensure_ascii=False)}\n\ndata: [DONE]\n\n".encode()


class Provider(BaseHTTPRequestHandler):
    """One event of valid JSON."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(EVENT)))
        self.end_headers()
        self.wfile.write(EVENT)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = InferenceClient(base_url=f"http://127.0.0.1:{server.server_port}", api_key="none")
ask = [{"role": "user", "content": "hello"}]
try:
    chunks = list(client.chat_completion(ask, model="m", stream=True))
    seen = repr(chunks[0].choices[0].delta.content)
except Exception as error:
    seen = type(error).__name__
print("huggingface_hub", importlib.metadata.version("huggingface_hub"))
print("text in the event:", ascii(TEXT))
print("what the package gives:", seen)
sys.exit(0 if seen == "JSONDecodeError" else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
