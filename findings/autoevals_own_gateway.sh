#!/bin/sh
# Autoevals sends OpenAI's key, and what is to be judged, to Braintrust's gateway unless it is told another address.
#
# Guess: with OPENAI_API_KEY alone in the environment a judge asks api.openai.com, as the openai package that it uses does.
# Seen:  it asks gateway.braintrust.dev with that key; only OPENAI_BASE_URL, or a client of one's own, takes it to OpenAI.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check autoevals==0.4.1 openai==2.54.0
"$folder/venv/bin/python" - <<'END'
import os

import httpx

for name in ("OPENAI_BASE_URL", "BRAINTRUST_API_KEY", "BRAINTRUST_AI_GATEWAY_URL"):
    os.environ.pop(name, None)
os.environ["OPENAI_API_KEY"] = "sk-of-openai"

asked = []


def answer(self, request):
    asked.append((request.url.host, request.headers["authorization"]))
    raise httpx.ConnectError("nobody is asked")


httpx.HTTPTransport.handle_request = answer

import openai
from autoevals.llm import Factuality

for address in (None, "https://api.openai.com/v1"):
    if address:
        os.environ["OPENAI_BASE_URL"] = address
    try:
        Factuality(model="gpt-4o-mini")("Hello.", "Hello.", input="Say hello.")
    except openai.APIConnectionError:
        pass
    print(f"OPENAI_BASE_URL {address}: asked {asked[-1][0]} with {asked[-1][1]!r}")
    if address is None:
        alone = asked[-1]

assert alone == ("gateway.braintrust.dev", "Bearer sk-of-openai"), alone
assert asked[-1][0] == "api.openai.com", asked[-1]
END
