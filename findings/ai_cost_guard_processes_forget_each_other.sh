#!/bin/sh
# ai-cost-guard is "safe to use from multiple processes", and of what four workers record at once it keeps the smaller part.
#
# Guess: four processes that record 100 calls of $0.01 each have spent $4.00; atomic writes lose none, and the budget counts all.
# Seen:  each reads the whole file, adds its call and puts the file in place of what the others wrote meanwhile: most calls are gone,
#        and with them their money, from the file that the "hard budget cap" is read from. Some writes fail, their call uncounted too.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ai-cost-guard==0.1.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import multiprocessing
import sys

from ai_cost_guard import CostGuard, CostTracker

WORKERS, CALLS = 4, 100
MODEL, IN, OUT = "openai/gpt-4o", 2000, 500  # $0.01


def work(path, start, failed):
    """One worker's calls, which are paid when they are recorded."""
    guard = CostGuard(weekly_budget_usd=100, tracker=CostTracker(path))
    start.wait()
    for _ in range(CALLS):
        try:
            guard.record(MODEL, IN, OUT)
        except OSError:
            with failed:
                failed.value += 1


def spent(path, workers):
    """The dollars that are told after so many workers' calls, and how many of their writes failed."""
    of = multiprocessing.get_context("fork")
    start, failed = of.Barrier(workers), of.Value("i", 0)
    running = [of.Process(target=work, args=(path, start, failed)) for _ in range(workers)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return round(CostTracker(path).spent(), 2), failed.value


alone, _ = spent(f"{sys.argv[1]}/alone.json", 1)
together, failed = spent(f"{sys.argv[1]}/together.json", WORKERS)
print("ai-cost-guard", importlib.metadata.version("ai-cost-guard"))
print(f"one process, {CALLS} calls of $0.01: ${alone:.2f} told as spent")
print(f"{WORKERS} processes, {WORKERS * CALLS} calls: ${together:.2f} told as spent; {failed} writes failed")
sys.exit(not (alone == 1.0 and together < 0.75 * WORKERS))
END
HOME="$folder" "$folder/venv/bin/python" "$folder/seen.py" "$folder"
