#!/bin/sh
# Told to come back in ten minutes, OpenAI's client gives up, Anthropic's sleeps ten minutes, Groq's and Cerebras' ask again within a second.
#
# Guess: clients of one generator take `retry-after: 600` of a 429 alike: they wait for it, or raise; none asks earlier than it was told.
# Seen:  three answers to one header. Groq and Cerebras heed it up to 60 seconds and take a longer one for none: the longer a server
#        asks for peace, the sooner it is asked again. Anthropic's call returns twenty minutes later, with no word in between.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    openai==3.57.0 anthropic==2.14.0 groq==1.7.0 cerebras-cloud-sdk==1.91.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import cerebras.cloud.sdk
import groq
import openai

asked, slept = [], []
time.sleep = slept.append  # instead of sleeping


class Provider(BaseHTTPRequestHandler):
    """Refuses every call for ten minutes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked.append(self.path)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(429)
        self.send_header("retry-after", "600")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
of = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}"}
said = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
cerebras_client = cerebras.cloud.sdk.Cerebras(warm_tcp_connection=False, **of)
calls = {
    "openai": lambda: openai.OpenAI(**of).chat.completions.create(**said),
    "anthropic": lambda: anthropic.Anthropic(**of).messages.create(max_tokens=9, **said),
    "groq": lambda: groq.Groq(**of).chat.completions.create(**said),
    "cerebras-cloud-sdk": lambda: cerebras_client.chat.completions.create(**said),
}
seen = {}
for name, call in calls.items():
    asked.clear()
    slept.clear()
    try:
        call()
    except Exception as error:
        raised = type(error).__name__
    seen[name] = (len(asked), [*slept])
    waits = ", ".join(f"{wait:.1f} s" for wait in slept) or "none"
    print(f"{name} {importlib.metadata.version(name)}: {len(asked)} requests, waits between them: {waits}; {raised}")
early = [seen[name] for name in ("groq", "cerebras-cloud-sdk")]
soon = all(requests == 3 and max(waits) < 5 for requests, waits in early)
sys.exit(not (seen["openai"] == (1, []) and seen["anthropic"] == (3, [600, 600]) and soon))
END
"$folder/venv/bin/python" "$folder/seen.py"
