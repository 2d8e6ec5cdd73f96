#!/bin/sh
# LangChain's counter of what Anthropic's models cost on Bedrock says $0.0 for `ChatBedrockConverse`, and 0 requests.
#
# Guess: `get_bedrock_anthropic_callback` counts a listed model's calls through either class that LangChain has for Bedrock.
# Seen:  the same call is $0.00315 through `ChatBedrock`, and nothing through `ChatBedrockConverse`, whose message has the tokens.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-aws==1.9.1 langchain-community==0.4.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_EC2_METADATA_DISABLED="true")
from langchain_aws import ChatBedrock, ChatBedrockConverse
from langchain_community.callbacks.manager import get_bedrock_anthropic_callback

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def converse():
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "x"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1000, "outputTokens": 10, "totalTokens": 1010},
        "metrics": {"latencyMs": 1},
    }


def invoke():
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 10},
    }


class Bedrock(BaseHTTPRequestHandler):
    """One model behind both of Bedrock's calls, for 1,000 tokens in and 10 out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(converse() if self.path.endswith("/converse") else invoke()).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if self.path.endswith("/invoke"):
            self.send_header("x-amzn-bedrock-input-token-count", "1000")
            self.send_header("x-amzn-bedrock-output-token-count", "10")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Bedrock)
threading.Thread(target=server.serve_forever, daemon=True).start()
for name in ("langchain-aws", "langchain-community"):
    print(name, importlib.metadata.version(name))
seen = {}
for kind in (ChatBedrock, ChatBedrockConverse):
    model = kind(
        model=MODEL, region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{server.server_port}"
    )
    with get_bedrock_anthropic_callback() as counted:
        said = model.invoke("x").usage_metadata
    seen[kind.__name__] = (said["input_tokens"], counted.successful_requests, round(counted.total_cost, 5))
    print(
        f"{kind.__name__}: the message says {said['input_tokens']} in, {said['output_tokens']} out;",
        f"the counter {counted.successful_requests} requests, {counted.prompt_tokens} in, ${counted.total_cost:.5f}",
    )
expected = {"ChatBedrock": (1000, 1, 0.00315), "ChatBedrockConverse": (1000, 0, 0.0)}
sys.exit(0 if seen == expected else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
