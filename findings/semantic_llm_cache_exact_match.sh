#!/bin/sh
# semantic-llm-cache's exact match gives a question the answer of the statement that has its words, and every model the same answer.
#
# Guess: with `similarity=1.0`, "exact", a call is answered from the cache that has the same arguments, letter by letter.
# Seen:  "You sold it?" gets what "You sold it." got, "I need to sell" what "I want to sell" got, code what the same code with
#        other indentation got; and of a function's arguments only the first counts: gpt-4o gets the answer of gpt-4o-mini.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check semantic-llm-cache==0.1.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys

from semantic_llm_cache import cache

PAIRS = [
    (("You sold it.",), ("You sold it?",)),
    (("I want to sell",), ("I need to sell",)),
    (("if a:\n    b()\n    c()",), ("if a:\n    b()\nc()",)),
    (("hello", "gpt-4o-mini"), ("hello", "gpt-4o")),
]

print("semantic-llm-cache", importlib.metadata.version("semantic-llm-cache"))
same = []
for first, second in PAIRS:

    @cache(similarity=1.0)
    def ask(prompt, model="gpt-4o"):
        return f"{model} was asked {prompt!r}"

    ask(*first)
    said = ask(*second)
    same.append(said == f"{(*first, 'gpt-4o')[1]} was asked {first[0]!r}")
    print(f"{second} -> {said}")
sys.exit(same != [True] * len(PAIRS))
END
"$folder/venv/bin/python" "$folder/seen.py"
