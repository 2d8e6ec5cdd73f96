#!/bin/sh
# LiteLLM prices a minute that whisper-1 transcribes at $0.00, unless a package for sound files happens to be there.
#
# Guess: a call of a listed model that is billed by the second costs its seconds, $0.006, or its cost is told as unknown.
# Seen:  $0.0 from a file of a minute, in the answer's `response_cost` and from `completion_cost`, without a word;
#        with soundfile installed, which only extras of LiteLLM ask for, the same call costs $0.006.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check litellm==1.110.2
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import importlib.util
import io
import json
import os
import sys
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm


class Provider(BaseHTTPRequestHandler):
    """Answers as OpenAI does where no other format is asked for: with the text."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"text": "hello"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def minute():
    """A file of a minute without a sound, in the format that every recorder writes."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * 60))
    return ("call.wav", sound.getvalue())


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/v1"
answer = litellm.transcription(model="openai/whisper-1", file=minute(), api_key="none", api_base=address)
there = importlib.util.find_spec("soundfile") is not None
told = answer._hidden_params["response_cost"]
asked = litellm.completion_cost(answer, model="whisper-1", call_type="transcription")
listed = litellm.model_cost["whisper-1"]
print("litellm", importlib.metadata.version("litellm"), "with soundfile" if there else "without soundfile")
print(f"told ${told}, by completion_cost ${asked}; a minute by its own row: ${60 * listed['input_cost_per_second']:.4f}")
right = 0.006 if there else 0.0
sys.exit(0 if there == ("with" in sys.argv) and abs(told - right) < 1e-9 and abs(asked - right) < 1e-9 else 1)
END
"$folder/venv/bin/python" "$folder/seen.py" without
"$folder/venv/bin/pip" install -qq --disable-pip-version-check soundfile==0.14.0
"$folder/venv/bin/python" "$folder/seen.py" with
