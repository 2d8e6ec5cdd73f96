#!/bin/sh
# Langfuse's handler for LangChain says of an OpenAI call at the tier "flex" that it has used 0 tokens in and 0 out.
#
# Guess: the tier changes a call's price, and never its count: `input` and `output` are 600 and 100, beside 400 from the cache.
# Seen:  at "default" they are; at "flex" both are 0 and the tokens are in `input_flex` and `output_flex`;
#        at "priority" `input` is 1,000, with the 400 from the cache in it and beside it.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check langfuse==5.0.4 langchain==1.5.2 langchain-core==1.8.3 langchain-openai==1.7.4
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_openai import ChatOpenAI
from langfuse import Langfuse
from langfuse.langchain import CallbackHandler
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400},
}


class Provider(BaseHTTPRequestHandler):
    """Answers at the tier that it was asked for, and takes what Langfuse sends."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b"{}"
        if self.path.endswith("/chat/completions"):
            message = {"role": "assistant", "content": "hello"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5"}
            tier = json.loads(asked).get("service_tier", "default")
            body = json.dumps({**answer, "choices": [choice], "usage": USAGE, "service_tier": tier}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
spans, tracer = InMemorySpanExporter(), TracerProvider()
tracer.add_span_processor(SimpleSpanProcessor(spans))
langfuse = Langfuse(public_key="pk", secret_key="sk", base_url=address, tracer_provider=tracer)
for package in ("langfuse", "langchain-openai"):
    print(package, importlib.metadata.version(package))


def observed(tier):
    """The usage that Langfuse is told of one call at a tier."""
    spans.clear()
    model = ChatOpenAI(model="gpt-5", api_key="none", base_url=f"{address}/v1", service_tier=tier)
    model.invoke("hello", config={"callbacks": [CallbackHandler()]})
    told = [span.attributes.get("langfuse.observation.usage_details") for span in spans.get_finished_spans()]
    usage = json.loads(next(filter(None, told)))
    print(f"{tier}:", usage)
    return usage


default, flex, priority = map(observed, ("default", "flex", "priority"))
found = (
    (default["input"], default["output"]) == (600, 100)
    and (flex["input"], flex["output"]) == (0, 0)
    and (flex["input_flex"], flex["output_flex"]) == (600, 100)
    and (priority["input"], priority["input_priority_cache_read"]) == (1000, 400)
)
langfuse.shutdown()
sys.exit(0 if found else 1)
END
"$folder/venv/bin/python" "$folder/seen.py"
