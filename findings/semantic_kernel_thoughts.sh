#!/bin/sh
# Semantic Kernel leaves the tokens that Gemini thinks out of the usage that it tells, in every field of it.
#
# Guess: `completion_tokens` are the tokens that are billed as output, 1,000; or a detail says which of them were thought.
# Seen:  100, which is the text alone, and no details; 900 thoughts, at the price of output, are nowhere.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check "semantic-kernel[google]==1.45.0"
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

warnings.simplefilter("ignore")
from google import genai
from semantic_kernel.connectors.ai.google.google_ai import (
    GoogleAIChatCompletion,
    GoogleAIChatPromptExecutionSettings,
)
from semantic_kernel.contents import ChatHistory

TOLD = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP", "index": 0}
    ],
    "usageMetadata": {
        "promptTokenCount": 500,
        "candidatesTokenCount": 100,
        "thoughtsTokenCount": 900,
        "totalTokenCount": 1500,
    },
    "modelVersion": "gemini-2.5-flash",
}


class Provider(BaseHTTPRequestHandler):
    """Thinks for 900 tokens, and writes 100."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(TOLD).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


async def ask():
    client = genai.Client(api_key="none", http_options={"base_url": url})
    service = GoogleAIChatCompletion(gemini_model_id="gemini-2.5-flash", api_key="none", client=client)
    history = ChatHistory()
    history.add_user_message("x")
    answer = await service.get_chat_message_content(history, GoogleAIChatPromptExecutionSettings())
    return answer.metadata["usage"]


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
print("semantic-kernel", importlib.metadata.version("semantic-kernel"))
print("google-genai", importlib.metadata.version("google-genai"))
usage = asyncio.run(ask())
print("billed: 500 in, 1,000 out; told:", usage)
left_out = (usage.prompt_tokens, usage.completion_tokens) == (500, 100)
sys.exit(0 if left_out and usage.completion_tokens_details is None else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
