#!/bin/sh
# llm-retry gives up on a timeout of OpenAI's client, and asks six times for what was refused as invalid because of a field `timeout`.
#
# Guess: "timeout" is in its lists of errors to try again, so a timeout is tried six times; a 400 is raised at once.
# Seen:  used as its documentation has it, on the error's sentence, the other way round: OpenAI's client says "Request timed out.", in
#        which the word is not; and of both providers a 400 whose sentence has the word is sent six times.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-retry-py==0.1.0 openai==3.57.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
from llm_retry import RetryPolicy, predicates, retry

REFUSAL = "timeout: Extra inputs are not permitted"
asked, over = [], threading.Event()


class Provider(BaseHTTPRequestHandler):
    """Refuses a call that has a field `timeout`, and lets all others wait."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))
        if "timeout" not in asked[-1]:
            over.wait(30)
            self.close_connection = True
            return
        error = {"type": "invalid_request_error", "message": REFUSAL}
        body = json.dumps({"type": "error", "error": error}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
of = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}", "max_retries": 0, "timeout": 0.5}
said = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
calls = {
    "openai": (openai.OpenAI(**of).chat.completions.create, predicates.is_openai_retryable),
    "anthropic": (anthropic.Anthropic(**of).messages.create, predicates.is_anthropic_retryable),
}


def tried(name, **more):
    """How many requests were made of one retry(), and what was raised by the last."""
    call, retryable = calls[name]
    asked.clear()
    try:
        retry(
            lambda: call(**said, **more),
            policy=RetryPolicy(base_delay_ms=1),
            should_retry=lambda error: retryable(str(error)),
        )
    except Exception as error:
        last = getattr(error, "last_error", error)
        return len(asked), f"{type(last).__name__}: {str(last)[:60]}"


kinds = {"timed out": {}, "refused": {"extra_body": {"timeout": 1}}}
seen = {(name, what): tried(name, **more) for name in calls for what, more in kinds.items()}
over.set()
for name in ("llm-retry-py", "openai", "anthropic"):
    print(name, importlib.metadata.version(name))
for (name, what), (requests, raised) in seen.items():
    print(f"{name}, {what}: {requests} requests; {raised}")
listed = "timeout" in predicates.OPENAI_RETRYABLE and "timeout" in predicates.ANTHROPIC_RETRYABLE
sys.exit(not listed or [requests for requests, _ in seen.values()] != [1, 6, 6, 6])
END
"$folder/venv/bin/python" "$folder/seen.py"
