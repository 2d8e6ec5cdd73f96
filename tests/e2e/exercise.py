"""
What a proxy in any mode must do, tried by curl: meter, stream, refuse, and let others alone.

Used by the tests, and by `inside.py` in a network namespace of its own.
"""

import json
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

# A budget for one model, since not every mode knows its clients by more.
CONFIG = """
budgets:
- {name: all, cap: $1}
- {name: poor, cap: $0.000001, match: {model: gpt-4o}}
identify_processes: on
wait: 0
clamp: false
"""
URL = "https://api.openai.com"
PATH = "/v1/chat/completions"
SECONDS = 300  # ends what hangs
STATUS_MARK = "\nstatus "

# The answer that is streamed takes the better part of a second.
LENGTH, TOKEN_SECONDS = 60, 0.012


def call(
    proxy: ProxyHandle, curl: Sequence[str], url: str, model: str, *, stream: bool = False
) -> dict[str, Any]:
    """One call: its status, how long its body took from first byte to last, what went wrong."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 500}
    command = [
        *curl,
        *("-sS", "-N", "--noproxy", "", "--max-time", str(SECONDS)),
        *("-d", json.dumps(body | {"stream": stream}), "-H", "content-type: application/json"),
        *("-w", STATUS_MARK + "%{http_code}", "--cacert", str(proxy.ca)),
        f"{url}{PATH}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        got = process.stdout.read1()
        began = time.monotonic()
        got += process.stdout.read()
        took = time.monotonic() - began
        said = process.stderr.read().decode()
    status = got.decode().rpartition(STATUS_MARK)[2]
    return {"status": int(status or 0), "seconds": took, "said": said}


def exercise(
    proxy: ProxyHandle, provider: ProviderHandle, curl: Sequence[str], url: str = URL
) -> dict[str, Any]:
    """All of it, by `curl` with its arguments; to be judged by `judge`."""
    provider.scenario(length=str(LENGTH))
    whole = call(proxy, curl, url, "gpt-4o-mini")
    provider.scenario(length=str(LENGTH), token_seconds=TOKEN_SECONDS)
    streamed = call(proxy, curl, url, "gpt-4o-mini", stream=True)
    refused = call(proxy, curl, url, "gpt-4o")
    proxy.settle()
    provider.scenario()
    return {
        "whole": whole,
        "streamed": streamed,
        "refused": refused,
        "spent": proxy.spent_nanos(),
        "billed": provider.nanos(),
        "calls": len(provider.bill()["records"]),
        "kinds": sorted(entry["kind"] for entry in proxy.entries("kind")),
        "attributes": [
            json.loads(entry["attributes"] or "{}")
            for entry in proxy.entries("attributes")
            if entry["attributes"]
        ],
        "log": proxy.log(),
    }


def judge(found: dict[str, Any]) -> dict[str, str]:
    """Nothing of it may be missing; gives what is known of the callers."""
    log = found["log"]
    assert found["whole"]["status"] == 200, (found["whole"], log)
    assert found["streamed"]["status"] == 200, (found["streamed"], log)
    assert found["refused"]["status"] == 429, (found["refused"], log)
    assert found["calls"] == 2, log
    assert found["spent"] == found["billed"] > 0, log
    assert found["streamed"]["seconds"] > LENGTH * TOKEN_SECONDS / 2, "it came all at once"
    assert "crashed" not in log
    assert "Traceback" not in log
    attributes: dict[str, str] = found["attributes"][0]
    return attributes
