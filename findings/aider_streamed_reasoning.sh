#!/bin/sh
# aider's cost of a streamed answer, which is its default, leaves out all that the model has reasoned: $0.0029 of $0.0229.
#
# Guess: the cost that it shows for a message is the same streamed as not, or is marked as a guess.
# Seen:  gpt-5 writes 2,000 tokens, 1,990 of them unseen: not streamed "2.0k received", $0.02; streamed "2 received", $0.0029.
#        It counts the text that it was shown, and does not ask the server to tell.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check aider-chat==0.86.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 2300,
    "completion_tokens": 2000,
    "total_tokens": 4300,
    "completion_tokens_details": {"reasoning_tokens": 1990},
}
OPTIONS = (
    "--no-git --no-check-update --no-analytics --no-show-release-notes --no-show-model-warnings"
    " --map-tokens 0 --no-pretty --yes-always --openai-api-key none --model openai/gpt-5 --message hello"
)
told = []


class Provider(BaseHTTPRequestHandler):
    """One word, after long thought; a stream tells its usage where it is asked to, as OpenAI's does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        head = {"id": "c", "created": 1, "model": asked["model"]}
        said = {"role": "assistant", "content": "Hello."}
        told.append(not asked.get("stream") or bool(asked.get("stream_options")))
        if asked.get("stream"):
            head["object"] = "chat.completion.chunk"
            events = [{**head, "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}]
            if told[-1]:
                events.append({**head, "choices": [], "usage": USAGE})
            text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
            kind, text = "text/event-stream", text + "data: [DONE]\n\n"
        else:
            choice = {"index": 0, "finish_reason": "stop", "message": said}
            whole = {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
            kind, text = "application/json", json.dumps(whole)
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def asked(how):
    """Tokens received and dollars, as aider shows them for one message."""
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        command = [sys.executable, "-m", "aider", *OPTIONS.split(), "--openai-api-base", url, how]
        done = subprocess.run(
            command, cwd=home, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    line = re.search(r"Tokens:.*", done.stdout).group()
    print(f"{how}: {line}")
    return re.search(r"([\d.k]+) received. Cost: \$([\d.]+) message", line).groups()


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
print("aider-chat", importlib.metadata.version("aider-chat"))
whole, streamed = asked("--no-stream"), asked("--stream")
print(f"billed: ${(2300 * 1.25 + 2000 * 10) / 1e6:.4f} each")
right = whole == ("2.0k", "0.02") and streamed[0] == "2" and float(streamed[1]) < 0.004
sys.exit(0 if right and told == [True, False] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
