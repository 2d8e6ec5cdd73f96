#!/bin/sh
# Qwen Code asks the model twice for each prompt: `qwen -p "Say hello."` is two paid calls, the second to find what to remember of it.
#
# Guess: a prompt that is answered at once, without a tool, is one call; what is remembered is asked for by the user, or on a
#        small model.
# Seen:  after the answer the conversation goes to the same model again with tools of its own ("managed-auto-memory-extractor"),
#        and the program waits for it. `num_turns` is 1; the answer's own usage says 1,000 tokens in, the result's 2,000.
set -eu
sed -n '2,7s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --omit=optional --prefix "$folder" @qwen-code/qwen-code@0.24.4 >/dev/null 2>&1
cat >"$folder/seen.py" <<'END'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[1]
asked = []


class Provider(BaseHTTPRequestHandler):
    """Answers each call with one word, for 1,000 tokens in and 10 out."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": asked[-1]["model"]}
        delta = {"role": "assistant", "content": "hello"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
        events = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]},
            {**head, "choices": [], "usage": usage},
        ]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
work, home = os.path.join(folder, "work"), os.path.join(folder, "home")
os.mkdir(work)
os.mkdir(home)
environ = {
    "PATH": os.environ["PATH"],
    "HOME": home,
    "OPENAI_API_KEY": "none",
    "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1",
    "OPENAI_MODEL": "qwen3-coder-plus",
}
command = ["-p", "Say hello.", "--output-format", "json", "--auth-type", "openai"]
said = subprocess.run(
    [f"{folder}/node_modules/.bin/qwen", *command],
    env=environ, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
)
lines = json.loads(said.stdout)
answer = next(line for line in lines if line["type"] == "assistant")["message"]["usage"]["input_tokens"]
result = next(line for line in lines if line["type"] == "result")
sources = {
    source: told["api"]["totalRequests"]
    for model in result["stats"]["models"].values()
    for source, told in model["bySource"].items()
}
version = json.load(open(f"{folder}/node_modules/@qwen-code/qwen-code/package.json"))["version"]
print(f"@qwen-code/qwen-code {version}")
print(f"  calls: {len(asked)}, models: {sorted({one['model'] for one in asked})}, by source: {sources}")
print(f"  turns: {result['num_turns']}, tokens in: {answer} for the answer, {result['usage']['input_tokens']} for the result")
twice = sources == {"main": 1, "managed-auto-memory-extractor": 1}
same = {one["model"] for one in asked} == {"qwen3-coder-plus"}
told = (result["num_turns"], answer, result["usage"]["input_tokens"])
sys.exit(0 if len(asked) == 2 and same and twice and told == (1, 1000, 2000) else 1)
END
"${PYTHON:-python3}" "$folder/seen.py" "$folder"
