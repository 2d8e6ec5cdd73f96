#!/bin/sh
# fakellm tells for a streamed call one token in, however long its prompt, and to OpenAI's package no usage at all.
#
# Guess: a "drop-in replacement" for tests has one usage for one call, streamed as not; a test of costs sees what it should.
# Seen:  1,000 tokens in, not streamed; streamed, Anthropic's package is told 1, and OpenAI's nothing, though it
#        asked with `include_usage`: a budget that is tested with streams passes, and was never spent.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check fakellm==0.3.5 openai==3.57.0 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import socket
import subprocess
import sys
import time
from pathlib import Path

import anthropic
import openai

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
command = str(Path(sys.executable).with_name("fakellm"))
subprocess.run([command, "init"], check=True, stdout=subprocess.DEVNULL)
served = subprocess.Popen(
    [command, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
try:
    for _ in range(600):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    url = f"http://127.0.0.1:{port}"
    messages = [{"role": "user", "content": "word " * 800}]
    claude = anthropic.Anthropic(api_key="none", base_url=url)
    asked = {"model": "claude-opus-4-6", "max_tokens": 100, "messages": messages}
    claude_whole = claude.messages.create(**asked).usage.input_tokens
    with claude.messages.stream(**asked) as stream:
        claude_streamed = stream.get_final_message().usage.input_tokens
    gpt = openai.OpenAI(api_key="none", base_url=f"{url}/v1")
    asked = {"model": "gpt-4o", "messages": messages}
    gpt_whole = gpt.chat.completions.create(**asked).usage.prompt_tokens
    chunks = gpt.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    gpt_streamed = [chunk.usage.prompt_tokens for chunk in chunks if chunk.usage]
finally:
    served.terminate()
    served.wait()
for name in ("fakellm", "openai", "anthropic"):
    print(name, importlib.metadata.version(name))
print(f"Anthropic's package: {claude_whole} tokens in; streamed {claude_streamed}")
print(f"OpenAI's package: {gpt_whole} tokens in; streamed {gpt_streamed or 'no usage'}")
sys.exit(not (claude_whole == gpt_whole == 1000 and claude_streamed == 1 and gpt_streamed == []))
END
cd "$folder"
"$folder/venv/bin/python" "$folder/seen.py"
