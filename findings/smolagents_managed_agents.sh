#!/bin/sh
# smolagents' `RunResult.token_usage` leaves out what the agents that it manages have used.
#
# Guess: the usage of a run, asked for with `return_full_result=True`, is that of all model calls that the run made.
# Seen:  six calls of 1,000 tokens in were paid for; the result says 2,000 in, and so does the agent's own monitor.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "smolagents[openai]==1.26.0" openai==3.57.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from smolagents import OpenAIModel, ToolCallingAgent, tool
from smolagents.monitoring import LogLevel

paid = {"calls": 0, "input": 0, "output": 0}


def wanted(asked):
    """The manager hands its task on once; the agent that it manages looks three times before it answers."""
    names = [tool["function"]["name"] for tool in asked["tools"]]
    told = sum(message["role"] == "assistant" for message in asked["messages"])
    if "helper" in names and told < 1:
        return "helper", {"task": "look"}
    if "look" in names and told < 3:
        return "look", {"page": told}
    return "final_answer", {"answer": "done"}


class Provider(BaseHTTPRequestHandler):
    """Each answer calls one tool, for 1,000 tokens in and 10 out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        name, arguments = wanted(asked)
        paid["calls"] += 1
        paid["input"] += 1000
        paid["output"] += 10
        call = {"name": name, "arguments": json.dumps(arguments)}
        calls = [{"id": f"t{paid['calls']}", "type": "function", "function": call}]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        told = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
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


@tool
def look(page: int) -> int:
    """Looks at a page.

    Args:
        page: its number.
    """
    return page


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
model = OpenAIModel(model_id="gpt-4o", api_base=url, api_key="none")
quiet = {"model": model, "verbosity_level": LogLevel.OFF}
helper = ToolCallingAgent(tools=[look], name="helper", description="Looks at pages.", **quiet)
manager = ToolCallingAgent(tools=[], managed_agents=[helper], **quiet)
result = manager.run("find it", return_full_result=True)
said, watched = result.token_usage, manager.monitor.get_total_token_counts()
print("smolagents", importlib.metadata.version("smolagents"))
print("paid:", paid)
print("result:", said.input_tokens, "in,", said.output_tokens, "out; monitor:", watched.input_tokens, "in")
right = paid == {"calls": 6, "input": 6000, "output": 60} and result.output == "done"
left_out = (said.input_tokens, said.output_tokens, watched.input_tokens) == (2000, 20, 2000)
sys.exit(0 if right and left_out else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
