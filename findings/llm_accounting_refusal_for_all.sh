#!/bin/sh
# llm-accounting refuses small calls until the month ends, once one has been refused that was too large; nothing has been used.
#
# Guess: with 1,000 tokens of a month left, a call of 5,000 is refused, and one of 10 after it is allowed, as it is before it.
# Seen:  the refusal is kept for the user and the model, whatever is asked then: the call of 10 is told that 5,000 exceed
#        the limit, though `get_remaining_limits` says that all 1,000 are left.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-accounting==0.1.34
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import logging
import sys

logging.disable(logging.CRITICAL)
from llm_accounting import LLMAccounting
from llm_accounting.backends.sqlite import SQLiteBackend
from llm_accounting.models.limits import LimitScope, LimitType, TimeInterval


def asked(accounting, tokens):
    allowed, reason = accounting.check_quota("gpt-4o", "ada", "app", input_tokens=tokens)
    print(f"{tokens:5} tokens in: {'allowed' if allowed else 'refused'}", reason or "")
    return allowed


print("llm-accounting", importlib.metadata.version("llm-accounting"))
with LLMAccounting(backend=SQLiteBackend(db_path="seen.sqlite")) as accounting:

    def limit(tokens):
        """At most so many tokens in within a month."""
        accounting.set_usage_limit(
            LimitScope.GLOBAL, LimitType.INPUT_TOKENS, tokens, TimeInterval.MONTH, 1
        )

    limit(1000)
    answers = [asked(accounting, tokens) for tokens in (10, 5000, 10)]
    remaining = [left for _, left in accounting.quota_service.get_remaining_limits("gpt-4o", "ada", "app", None)]
    print("remaining, by its own word:", remaining)
sys.exit((answers, remaining) != ([True, False, False], [1000.0]))
END
cd "$folder"
"$folder/venv/bin/python" "$folder/seen.py"
