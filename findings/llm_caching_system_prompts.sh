#!/bin/sh
# llm-caching answers from its cache a call whose system prompt is another one, and its tools are.
#
# Guess: the key has "all parameters that affect the LLM output", as its docstring says.
# Seen:  asked as a lawyer, the model seems to say what it said as a poet, and one call is made of three: neither `system`,
#        which Anthropic's API has beside `messages`, nor `tools` is in the key.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-caching==0.1.1
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys

from llm_cache import LLMCacheWrapper

made = []


@LLMCacheWrapper(provider="anthropic").wrap
def ask(model, messages, system, tools=()):
    """A call to Claude, which answers as whom it was asked."""
    made.append(system)
    return f"{system} with {len(tools)} tools"


def asked(**more):
    return ask(model="claude-opus-4-6", messages=[{"role": "user", "content": "hello"}], **more)


print("llm-caching", importlib.metadata.version("llm-caching"))
seen = [asked(system="poet"), asked(system="lawyer"), asked(system="lawyer", tools=[{"name": "look"}])]
for wanted, said in zip(("poet with 0 tools", "lawyer with 0 tools", "lawyer with 1 tools"), seen):
    print(f"asked as {wanted}: answered as {said}")
print(len(made), "calls were made")
sys.exit((seen, made) != (["poet with 0 tools"] * 3, ["poet"]))
END
cd "$folder"
HOME="$folder" "$folder/venv/bin/python" "$folder/seen.py"
