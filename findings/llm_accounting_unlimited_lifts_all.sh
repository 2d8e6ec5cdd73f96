#!/bin/sh
# llm-accounting takes the limit of money away where a number of requests is set to unlimited.
#
# Guess: `-1`, which "allows unlimited usage", says of a limit of requests that they are not counted; $1.00 a day stays.
# Seen:  with $1.00 a day alone a call of $500 is refused; with requests to gpt-4o unlimited beside it, it is allowed.
set -eu
sed -n '2,5s/^# *//p' "$0"

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

MONEY = (LimitScope.GLOBAL, LimitType.COST, 1.0)
REQUESTS = (LimitScope.MODEL, LimitType.REQUESTS, -1)


def asked(number, *limits):
    """Whether a call of $500 is allowed under these limits of a day."""
    with LLMAccounting(backend=SQLiteBackend(db_path=f"seen{number}.sqlite")) as accounting:
        for scope, kind, most in limits:
            model = "gpt-4o" if scope is LimitScope.MODEL else None
            accounting.set_usage_limit(scope, kind, most, TimeInterval.DAY, 1, model=model)
        return accounting.check_quota("gpt-4o", "ada", "app", input_tokens=10, cost=500.0)


print("llm-accounting", importlib.metadata.version("llm-accounting"))
alone = asked(1, MONEY)
beside = asked(2, MONEY, REQUESTS)
print("$1.00 a day:", *alone)
print("$1.00 a day, requests to gpt-4o unlimited:", *beside)
sys.exit((alone[0], beside[0]) != (False, True))
END
cd "$folder"
"$folder/venv/bin/python" "$folder/seen.py"
