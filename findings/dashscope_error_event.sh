#!/bin/sh
# DashScope's package knows an error in a stream only where no space follows the colon of its event.
#
# Guess: "event: error" and "event:error" are the same, as in the standard of server-sent events.
# Seen:  the first is taken for a good event of status 200, and fails for want of an output; the
#        second gives the status, code and message that were sent.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check dashscope==2.0.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dashscope

GOOD = {
    "output": {"text": "The first ha", "finish_reason": "null"},
    "usage": {"input_tokens": 3, "output_tokens": 4},
}
BAD = {"code": "Throttling.AllocationQuota", "message": "the quota is used up"}
SPACE = [""]


class Provider(BaseHTTPRequestHandler):
    """A stream that begins well, and then tells of an error."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = "".join(
            f"event:{SPACE[0]}{name}\nstatus:{SPACE[0]}{status}\ndata:{json.dumps(data)}\n\n"
            for name, status, data in (("result", 200, GOOD), ("error", 429, BAD))
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def last(space):
    """What is given for the error: its status and code, or what is raised."""
    SPACE[0] = space
    found = None
    try:
        for found in dashscope.Generation.call(
            model="qwen-plus", prompt="hello", stream=True, incremental_output=True
        ):
            pass
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"{found.status_code} {found.code}: {found.message}"


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
dashscope.api_key = "none"
dashscope.base_http_api_url = f"http://127.0.0.1:{server.server_port}/api/v1"
print("dashscope", importlib.metadata.version("dashscope"))
tight, spaced = last(""), last(" ")
print("event:error  gives", tight)
print("event: error gives", spaced)
sys.exit(0 if "AllocationQuota" in tight and "AllocationQuota" not in spaced else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
