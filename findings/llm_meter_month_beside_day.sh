#!/bin/sh
# llm-meter forgets a user's monthly limit as soon as a daily one is set beside it.
#
# Guess: of two limits the one that is reached first blocks.
# Seen:  $150 spent in a month of at most $100, $1 of it today: blocked; with a daily limit of $20 added: allowed.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check llm-meter==0.3.4
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import sys
from datetime import UTC, datetime

from llm_meter import BudgetManager
from llm_meter.models import Budget, LLMUsage
from llm_meter.storage.manager import StorageManager

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
SPENT = {datetime(2026, 6, 2, tzinfo=UTC): 149.0, datetime(2026, 6, 20, 9, tzinfo=UTC): 1.0}


async def checked(**limits):
    """What a user is told who has spent that, with those limits, on 2026-06-20."""
    storage = StorageManager("sqlite+aiosqlite:///:memory:")
    await storage.initialize()
    for number, (at, usd) in enumerate(SPENT.items()):
        call = {"request_id": str(number), "provider": "openai", "model": "gpt-4o"}
        await storage.record_usage(
            LLMUsage(**call, user_id="u", cost_estimate=usd, timestamp=at)
        )
    await storage.upsert_budget(Budget(user_id="u", blocking_enabled=True, **limits))
    result = await BudgetManager(storage, get_now=lambda: NOW).check_budget("u")
    await storage.close()
    return result


print("llm-meter", importlib.metadata.version("llm-meter"))
allowed = []
for limits in ({"monthly_limit": 100.0}, {"monthly_limit": 100.0, "daily_limit": 20.0}):
    result = asyncio.run(checked(**limits))
    allowed.append(result.allowed)
    print(f"{limits}: allowed {result.allowed}, {result.current_spend} of {result.limit}")
sys.exit(allowed != [False, True])
END
"$folder/venv/bin/python" "$folder/seen.py"
