#!/bin/sh
# google-genai spells one message of a Live session in both ways: `client_content` in snake case, and `turnComplete` in it in camel case.
#
# Guess: a frame of the Live API is JSON of protocol buffers, in camel case throughout, as its first one (`setup`) is.
# Seen:  the second frame is {"client_content": {"turns": [...], "turnComplete": true}}; whoever meters by `clientContent` sees no turn.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check google-genai==3.6.1
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import json
import sys

import websockets
from google import genai
from google.genai import live

frames = []


async def serve(socket):
    """Say that the session is set up, and that a turn is over."""
    async for text in socket:
        frames.append(json.loads(text))
        said = {"setupComplete": {}} if len(frames) == 1 else {"serverContent": {"turnComplete": True}}
        await socket.send(json.dumps(said))


def plainly(uri, **options):
    """A connection without TLS, which the package would not make."""
    options.pop("ssl", None)
    return websockets.connect(uri.replace("wss:", "ws:"), proxy=None, **options)


async def main():
    live.ws_connect = plainly
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = genai.Client(api_key="none", http_options={"base_url": f"http://127.0.0.1:{port}"})
        config = {"response_modalities": ["TEXT"], "system_instruction": "Be friendly."}
        async with client.aio.live.connect(model="gemini-3.8-live", config=config) as session:
            said = {"role": "user", "parts": [{"text": "Say hello."}]}
            await session.send_client_content(turns=said, turn_complete=True)
            async for _ in session.receive():
                pass


asyncio.run(asyncio.wait_for(main(), 30))
print("google-genai", importlib.metadata.version("google-genai"))
for frame in frames:
    print(json.dumps(frame))
setup, asked = frames
seen = "systemInstruction" in setup["setup"] and "turnComplete" in asked.get("client_content", {})
sys.exit(0 if seen else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
