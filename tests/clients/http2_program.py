"""
A program that speaks HTTP/2 to OpenAI's API by hand, as some tools do: one call, or some at once.

Prints one JSON line per call: status, protocol, and how the body ended.
"""

import argparse
import asyncio
import json
import os

import httpx

URL = "https://api.openai.com/v1/chat/completions"


async def call(client: httpx.AsyncClient, *, stream: bool, leave_after: int) -> None:
    """One call; `leave_after` lines it hangs up."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    lines = []
    async with client.stream(
        "POST", URL, json={**body, "stream": stream, "max_tokens": 400}, headers=headers
    ) as response:
        async for line in response.aiter_lines():
            lines.append(line)
            if leave_after and len(lines) >= leave_after:
                break
    print(
        json.dumps(
            {
                "status": response.status_code,
                "protocol": response.http_version,
                "last": next((line for line in reversed(lines) if line), ""),
                "retry": response.headers.get("x-should-retry"),
            }
        ),
        flush=True,
    )


async def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--leave-after", type=int, default=0)
    options = parser.parse_args()
    async with httpx.AsyncClient(http1=False, http2=True, timeout=30) as client:
        await asyncio.gather(
            *(
                call(client, stream=options.stream, leave_after=options.leave_after)
                for _ in range(options.calls)
            )
        )


if __name__ == "__main__":
    asyncio.run(main())
