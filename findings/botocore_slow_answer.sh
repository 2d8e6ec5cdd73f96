#!/bin/sh
# botocore asks Bedrock again for an answer that takes longer than its read timeout, which is 60 seconds.
#
# Guess: a POST whose answer is late is not sent twice: the model may be writing, and what it writes is paid for.
# Seen:  it is sent three times, and each is an answer that the account pays; the caller gets one exception.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check boto3==1.44.8
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import botocore.config
import botocore.exceptions

asked, over = [], threading.Event()


class Provider(BaseHTTPRequestHandler):
    """A model that thinks until the client has given up."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked.append((self.path, body, self.headers["amz-sdk-request"]))
        over.wait()

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
# The default of 60 seconds, made shorter so as not to wait; nothing else is set.
config = botocore.config.Config(read_timeout=1)
client = boto3.client(
    "bedrock-runtime",
    region_name="us-east-1",
    endpoint_url=f"http://127.0.0.1:{server.server_port}",
    aws_access_key_id="none",
    aws_secret_access_key="none",
    config=config,
)
raised = None
try:
    client.converse(
        modelId="anthropic.claude-3-haiku-20240307-v1:0",
        messages=[{"role": "user", "content": [{"text": "hello"}]}],
    )
except botocore.exceptions.ReadTimeoutError as error:
    raised = error
over.set()
print("boto3", importlib.metadata.version("boto3"), "raised", type(raised).__name__)
print("read timeout by default:", botocore.config.Config().read_timeout, "s")
print("sent:", len(asked), "times, each the same:", len({sent[:2] for sent in asked}) == 1)
print("amz-sdk-request:", [sent[2] for sent in asked])
same = len({sent[:2] for sent in asked}) == 1
sys.exit(0 if raised is not None and len(asked) == 3 and same else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
