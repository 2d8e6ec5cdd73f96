"""
A program that speaks HTTP/2 to OpenAI's API by hand, as some tools do: one call, or some at once.

Prints one JSON line per call: status, protocol, and what the body ended with.
"""

import argparse
import asyncio
import json
import os
from typing import Any

import httpx

URL = "https://api.openai.com/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Say something about the sea."}]
SHOWN_LINES = 6


async def call(
    client: httpx.AsyncClient, options: argparse.Namespace, scenario: dict[str, Any]
) -> None:
    """One call; with `--leave-after` it hangs up after so many lines."""
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": options.max_tokens}
    headers = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    if scenario:
        headers["x-fake-scenario"] = json.dumps(scenario)
    lines: list[str] = []
    async with client.stream(
        "POST", URL, json={**body, "stream": options.stream}, headers=headers
    ) as response:
        async for line in response.aiter_lines():
            lines.append(line)
            if options.leave_after and len(lines) >= options.leave_after:
                break
    report = {
        "status": response.status_code,
        "protocol": response.http_version,
        "last": next((line for line in reversed(lines) if line), ""),
        "text": "\n".join(lines[-SHOWN_LINES:]),
        "retry": response.headers.get("x-should-retry"),
    }
    print(json.dumps(report), flush=True)


async def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--leave-after", type=int, default=0)
    parser.add_argument("--scenarios", type=json.loads, help="one per call, for the fake provider")
    options = parser.parse_args()
    scenarios = options.scenarios or [{}] * options.calls
    async with httpx.AsyncClient(http1=False, http2=True, timeout=300) as client:
        await asyncio.gather(*(call(client, options, scenario) for scenario in scenarios))


if __name__ == "__main__":
    asyncio.run(main())
