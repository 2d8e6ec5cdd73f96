#!/bin/sh
# cachebench's retry on a miss of the cache takes the call that fills the cache for a miss: it is paid twice, and told as a saving.
#
# Guess: `CachePolicy.miss_aware()` asks again where a prefix that was written before is not read; the first call of a prefix is no miss.
# Seen:  five documents, a question each: ten calls for $0.2775 where five cost $0.2250, and "$0.0975 saved" where that is -$0.0375.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cachebench==0.1.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys

from cachebench import CachePolicy, CacheTracker, Provider

DOCUMENTS = [f"document {number}" for number in range(5)]


def asked(policy):
    """Calls made, and the dollars that are told as spent and as saved, of one question to each document."""
    calls, cached = [], set()

    def create(*, model, system, messages):
        """A call of Anthropic's: 10,000 tokens are written to the cache once, and read from then on; 500 out."""
        calls.append(system)
        read = system in cached
        cached.add(system)
        usage = {"input_tokens": 0, "output_tokens": 500}
        usage["cache_read_input_tokens"] = 10_000 if read else 0
        usage["cache_creation_input_tokens"] = 0 if read else 10_000
        return {"content": [{"type": "text", "text": "x"}], "usage": usage}

    tracker = CacheTracker(provider=Provider.ANTHROPIC, policy=policy, on_miss_alert=lambda told: None)
    wrapped = tracker.wrap(create)
    for document in DOCUMENTS:
        wrapped(model="claude-sonnet-4-5", system=document, messages=[{"role": "user", "content": "Sum it up"}])
    told = tracker.aggregate()
    return len(calls), round(told["cost_usd"], 4), round(told["cost_saved_usd"], 4)


plain = asked(CachePolicy())
aware = asked(CachePolicy.miss_aware(delay_ms=1))
print("cachebench", importlib.metadata.version("cachebench"))
for name, (calls, cost, saved) in {"no retry": plain, "miss_aware": aware}.items():
    print(f"{name}: {calls} calls for {len(DOCUMENTS)} questions, ${cost} spent, ${saved} told as saved")
sys.exit((plain, aware) != ((5, 0.225, -0.0375), (10, 0.2775, 0.0975)))
END
"$folder/venv/bin/python" "$folder/seen.py"
