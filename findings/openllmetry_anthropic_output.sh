#!/bin/sh
# The OpenTelemetry instrumentation of Anthropic's package adds up counts of output that each stand for the whole so far.
#
# Guess: of `message_start` and `message_delta` the last count is the output: 50 tokens, as for the same call without a stream.
# Seen:  they are summed, in the span and in the metric; an answer that tells its count twice in between is counted three times.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check opentelemetry-instrumentation-anthropic==0.62.4 opentelemetry-sdk==1.45.2 anthropic==2.14.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

warnings.simplefilter("ignore")


def message(content, stop, output):
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": output},
    }


def delta(output, stop=None):
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": output},
    }


def answer(asked):
    if not asked.get("stream"):
        text = [{"type": "text", "text": "hello"}]
        return "application/json", json.dumps(message(text, "end_turn", 50))
    events = [
        {"type": "message_start", "message": message([], None, 1)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hello"},
        },
        {"type": "content_block_stop", "index": 0},
        *([delta(30), delta(40)] if "often" in str(asked["messages"]) else []),
        delta(50, "end_turn"),
        {"type": "message_stop"},
    ]
    written = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return "text/event-stream", written


class Provider(BaseHTTPRequestHandler):
    """Fifty tokens of output: whole, streamed, and streamed with counts in between."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        kind, text = answer(asked)
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
spans = InMemorySpanExporter()
tracing = TracerProvider()
tracing.add_span_processor(SimpleSpanProcessor(spans))
AnthropicInstrumentor().instrument(tracer_provider=tracing)
client = anthropic.Anthropic(api_key="none", base_url=url)
shown = {}
for how, stream in (("whole", False), ("streamed", True), ("streamed, told often", True)):
    spans.clear()
    made = client.messages.create(
        model="claude-sonnet-4-5",
        max_tokens=99,
        stream=stream,
        messages=[{"role": "user", "content": how}],
    )
    if stream:
        list(made)
    (span,) = spans.get_finished_spans()
    shown[how] = span.attributes["gen_ai.usage.output_tokens"]
name = "opentelemetry-instrumentation-anthropic"
print(name, importlib.metadata.version(name))
for how, tokens in shown.items():
    print(f"{how}: 50 tokens of output; the span says {tokens}")
sys.exit(0 if list(shown.values()) == [50, 51, 121] else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
