#!/bin/sh
# CrewAI counts what a model has used once for each agent that it is shared by: three agents, three times the tokens.
#
# Guess: a crew's `token_usage` is the same whether its agents share one `LLM` object or have three alike.
# Seen:  the same three calls are 3,000 tokens in with three objects, and 9,000 tokens and nine requests with one.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check crewai==1.15.30
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ.update(
    CREWAI_DISABLE_TELEMETRY="true", CREWAI_TRACING_ENABLED="false", OTEL_SDK_DISABLED="true"
)
logging.disable(logging.WARNING)
from crewai import LLM, Agent, Crew, Task

AGENTS = 3


class Provider(BaseHTTPRequestHandler):
    """Ends each task in one answer, for 1,000 tokens in and 10 out."""

    protocol_version = "HTTP/1.1"
    answers = 0

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        Provider.answers += 1
        message = {"role": "assistant", "content": "Thought: I know.\nFinal Answer: done"}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
        }
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def model():
    return LLM(model="openai/gpt-4o", base_url=url, api_key="none")


def run(how, models):
    Provider.answers = 0
    agents = [
        Agent(role=f"role {number}", goal="end", backstory="none", llm=used)
        for number, used in enumerate(models)
    ]
    tasks = [Task(description="say done", expected_output="a word", agent=one) for one in agents]
    said = Crew(agents=agents, tasks=tasks).kickoff().token_usage
    print(
        f"{how}: {Provider.answers} calls of 1,000 tokens in were paid for;",
        f"told: {said.successful_requests} requests, {said.prompt_tokens} in, {said.completion_tokens} out",
    )
    return Provider.answers, said.successful_requests, said.prompt_tokens


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
print("crewai", importlib.metadata.version("crewai"))
apart = run("a model for each", [model() for _ in range(AGENTS)])
shared = run("one model for all", [model()] * AGENTS)
sys.exit(0 if (apart, shared) == ((3, 3, 3000), (3, 9, 9000)) else 1)
END
HOME="$folder" "$folder/venv/bin/python" "$folder/seen.py"
