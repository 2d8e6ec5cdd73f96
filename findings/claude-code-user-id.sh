#!/bin/sh
# Guess: `metadata.user_id`, which Anthropic's API asks for as an opaque identifier of the user, is the
# same in all calls of one user of Claude Code, so that spend can be grouped by it. Seen: Claude Code
# 2.1.197 sends a JSON document as text there, with a device, an account and the session: each session
# is another "user". (LLMCap takes it apart: addons/llmcap/providers/parts/tags.py.)
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work" @anthropic-ai/claude-code@2.1.197
cat >"$work/try.py" <<'END'
import http.server, json, os, subprocess, sys, threading

folder, said = sys.argv[1], []
BODY = b'{"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}'

class Api(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith("/v1/messages") and "count_tokens" not in self.path:
            said.append(json.loads(body).get("metadata", {}).get("user_id"))
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("x-should-retry", "false")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
environ = {
    "PATH": os.environ["PATH"], "HOME": folder, "ANTHROPIC_API_KEY": "sk-ant-fake", "NO_PROXY": "*",
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}", "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
users = []
for _ in range(2):
    said.clear()
    subprocess.run(
        [f"{folder}/node_modules/.bin/claude", "-p", "--model", "claude-haiku-4-5", "hello"],
        env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )
    if not said:
        raise SystemExit("changed: no call to /v1/messages came")
    users.append(said[0])
print("guess: one user has one user_id, whatever session they are in")
for user in users:
    print("seen: ", user)
first, second = (json.loads(user) for user in users)
if users[0] == users[1] or first["session_id"] == second["session_id"]:
    raise SystemExit("changed: the user is the same in both sessions")
if first["device_id"] != second["device_id"]:
    raise SystemExit("changed: the device is another in each session too")
END
python3 "$work/try.py" "$work"
