#!/bin/sh
# fal's client sends a job again, up to ten times, where the answer to its submission was lost or late: each is a job that is paid.
#
# Guess: a POST that starts paid work is sent once, or with a key by which the server knows it again; a lost answer raises.
# Seen:  three answers were lost on their way: four jobs were taken, the caller has the handle of one and was told nothing. One that was
#        later than the client's timeout: two jobs. No header tells that a submission is another one's repetition.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check fal-client==1.0.3
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fal_client.client

jobs, heads, fates = [], [], []


class Queue(BaseHTTPRequestHandler):
    """Takes every job; what becomes of its answer is the next of `fates`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        jobs.append(f"job {len(jobs) + 1}")
        heads.append({name.lower() for name in self.headers})
        fate = fates.pop(0) if fates else "told"
        if fate == "late":
            time.sleep(2)
        if fate != "told":
            self.close_connection = True
            return
        told = {"request_id": jobs[-1], "response_url": "", "status_url": "", "cancel_url": ""}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Queue)
threading.Thread(target=server.serve_forever, daemon=True).start()
fal_client.client.QUEUE_URL_FORMAT = f"http://127.0.0.1:{server.server_port}/"  # instead of https://queue.fal.run/


def submitted(*wanted, **of):
    """How many jobs were taken, and the one that the caller knows."""
    jobs.clear()
    fates[:] = wanted
    handle = fal_client.SyncClient(key="none", **of).submit("fal-ai/veo3", {"prompt": "a film of 8 seconds"})
    return len(jobs), handle.request_id


seen = {
    "three answers lost": submitted("lost", "lost", "lost"),
    "one answer late": submitted("late", default_timeout=0.5),
}
marked = any("idempotency" in name or "retry" in name for names in heads for name in names)
print("fal-client", importlib.metadata.version("fal-client"))
print(f"tries at most: {fal_client.client.MAX_ATTEMPTS}; a header that marks a repetition: {marked}")
for what, (taken, known) in seen.items():
    print(f"{what}: {taken} jobs taken of one submit(), the caller knows {known!r}")
wanted = [(4, "job 4"), (2, "job 2")]
sys.exit(list(seen.values()) != wanted or marked or fal_client.client.MAX_ATTEMPTS != 10)
END
"$folder/venv/bin/python" "$folder/seen.py"
