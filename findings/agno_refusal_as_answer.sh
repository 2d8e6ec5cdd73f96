#!/bin/sh
# Guess: an agent framework raises, or tells by its exit code or a status, when its model's provider
# answers 402 (out of money). Seen: Agno 3.1.10 takes the provider's error message for the model's
# answer: `run()` returns it as `content`, with no exception, and a program prints it and exits 0.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check agno==3.1.10 openai==3.52.0
cat >"$work/try.py" <<'END'
import http.server, json, os, threading
from importlib.metadata import version

BODY = json.dumps({"error": {"message": "The account is out of money.", "type": "billing_error"}})

class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(402)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY.encode())

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent
from agno.models.openai import OpenAIChat

model = OpenAIChat(id="gpt-4o-mini", api_key="sk-fake", base_url=f"http://127.0.0.1:{server.server_port}/v1")
print("guess: the provider's 402 becomes an exception of agno", version("agno"))
try:
    answer = Agent(model=model, telemetry=False).run("Say hello.")
except Exception as error:
    raise SystemExit(f"changed: it raised {type(error).__name__}: {error}")
print("seen: no exception; content of the answer:", repr(answer.content))
print("      status of the run, which nothing makes anybody look at:", answer.status)
if "out of money" not in str(answer.content):
    raise SystemExit("changed: the error is not the answer any more")
END
"$work/venv/bin/python" "$work/try.py"
