#!/bin/sh
# agentbudget takes ten calls of one model within a minute for a loop, whatever they ask, and throws away the tenth answer.
#
# Guess: "Catches infinite loops" is about a call that repeats itself: the same messages, or the same answer.
# Seen:  ten questions that differ, $0.00003 of $5.00 spent: LoopDetected, after the tenth answer was paid for.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check agentbudget==0.4.0 openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import agentbudget
import openai

QUESTIONS = 12


class Provider(BaseHTTPRequestHandler):
    """Answers each question with its own words."""

    protocol_version = "HTTP/1.1"
    answers = 0

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        Provider.answers += 1
        message = {"role": "assistant", "content": f"{asked['messages'][0]['content']}: yes"}
        told = {
            "id": f"c{Provider.answers}",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
        }
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
url = f"http://127.0.0.1:{server.server_port}/v1"
agentbudget.init("$5.00")
client = openai.OpenAI(api_key="none", base_url=url, max_retries=0)
had = []
end = "no error"
try:
    for question in range(QUESTIONS):
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": f"question {question}"}]
        )
        had.append(answer.choices[0].message.content)
except Exception as error:
    end = f"{type(error).__name__}: {error}"
for name in ("agentbudget", "openai"):
    print(name, importlib.metadata.version(name))
print(f"{Provider.answers} answers paid for, {len(set(had))} of {QUESTIONS} had, ${agentbudget.spent():.6f} of $5.00")
print(end)
agentbudget.teardown()
sys.exit(0 if end.startswith("LoopDetected") and (Provider.answers, len(set(had))) == (10, 9) else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
