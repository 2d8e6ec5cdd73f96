#!/bin/sh
# LangChain's package for Mistral trusts certifi's roots alone: behind a company's proxy with a CA of its own it never connects.
#
# Guess: SSL_CERT_FILE names the roots for its calls, as it does for LangChain's package for OpenAI, which is on httpx too.
# Seen:  with the same variable ChatOpenAI reaches a server of that CA, and ChatMistralAI fails: CERTIFICATE_VERIFY_FAILED.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langchain-mistralai==1.1.6 langchain-openai==1.7.4 trustme==1.2.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

os.environ["SSL_CERT_FILE"] = sys.argv[1]
authority = trustme.CA()
authority.cert_pem.write_to_path(sys.argv[1])

from langchain_mistralai import ChatMistralAI  # noqa: E402 - it reads its roots when imported
from langchain_openai import ChatOpenAI  # noqa: E402

ANSWER = {
    "id": "1", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Provider(BaseHTTPRequestHandler):
    """Answers every chat."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost").configure_cert(context)
server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"https://localhost:{server.server_port}/v1"


def outcome(model):
    """Its answer, or why there is none."""
    try:
        return model.invoke("hello").content
    except Exception as error:
        chain = f"{error!r} {error.__cause__!r}"
        return "CERTIFICATE_VERIFY_FAILED" if "CERTIFICATE_VERIFY_FAILED" in chain else chain


seen = {
    "ChatOpenAI": outcome(ChatOpenAI(model="m", api_key="none", base_url=url)),
    "ChatMistralAI": outcome(
        ChatMistralAI(model="m", api_key="none", endpoint=url, max_retries=1)
    ),
}
for package in ("langchain-openai", "langchain-mistralai"):
    print(package, importlib.metadata.version(package))
for name, said in seen.items():
    print(f"{name:13} with SSL_CERT_FILE: {said}")
sys.exit(list(seen.values()) != ["hello", "CERTIFICATE_VERIFY_FAILED"])
END
env -u HTTPS_PROXY -u https_proxy "$folder/venv/bin/python" "$folder/seen.py" "$folder/ca.pem"
