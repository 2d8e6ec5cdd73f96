#!/bin/sh
# langfun's `track_usages` counts a call that is asked for n samples n times: four samples, four times the tokens and the cost.
#
# Guess: what is tracked for a model is what its requests have used: the prompt once, the answers each once.
# Seen:  one request of 1,040 tokens for four samples is told as 4,160, as the whole of it is added for each sample.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langfun==0.1.2.dev202610270806
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
import langfun as lf

SAMPLES = 4
paid = []


class Provider(BaseHTTPRequestHandler):
    """A prompt of 1,000 tokens, and 10 tokens for each of the answers that are asked for."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        written = 10 * asked["n"]
        message = {"role": "assistant", "content": "x"}
        choice = {"finish_reason": "stop", "message": message}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{**choice, "index": index} for index in range(asked["n"])],
            "usage": {"prompt_tokens": 1000, "completion_tokens": written, "total_tokens": 1000 + written},
        }
        paid.append(told["usage"]["total_tokens"])
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
model = lf.llms.OpenAIChatCompletionAPI(
    api_endpoint=f"http://127.0.0.1:{server.server_port}/v1/chat/completions",
    model="gpt-4o",
    sampling_options=lf.LMSamplingOptions(n=SAMPLES),
)
with lf.track_usages() as usages:
    samples = model.sample(["hello"])[0].samples
told = usages.total
print("langfun", importlib.metadata.version("langfun"))
print(f"paid: {len(paid)} request of {paid[0]} tokens for {len(samples)} samples")
print(f"told: {told.total_tokens} tokens, {told.prompt_tokens} of them in")
sys.exit((paid, told.total_tokens, told.prompt_tokens) != ([1040], 4160, 4000))
END
"$folder/venv/bin/python" "$folder/seen.py"
