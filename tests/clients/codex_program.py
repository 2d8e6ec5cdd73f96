"""
A client that takes its turns over a WebSocket as Codex does, and falls back as it does.

Warm-up, then turns that continue each other. An error frame with a quota's code or type ends the
program; a connection that closes without one is opened again, five times, with the turn sent anew.
"""

import argparse
import asyncio
import json
import os
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

URL = "wss://api.openai.com/v1/responses"
RECONNECTS = 5
FINAL = ("insufficient_quota", "usage_limit_reached")


class QuotaError(Exception):
    """The provider says that there is nothing left."""


def report(**line: object) -> None:
    """One line of the program's report."""
    print(json.dumps(line), flush=True)


async def turn(socket: ClientConnection, frame: dict[str, object]) -> str:
    """Send one `response.create` and read to the end of its response; gives its id."""
    await socket.send(json.dumps({"type": "response.create", "model": "gpt-4o-mini", **frame}))
    words = 0
    while True:
        event = json.loads(await socket.recv())
        kind = event["type"]
        if kind == "error":
            error = event["error"]
            report(event="error", status=event["status"], words=words, **error)
            if error.get("type") in FINAL or error.get("code") in FINAL:
                raise QuotaError
            raise RuntimeError(error)
        if kind.endswith(".delta"):
            words += 1
        elif kind == "response.completed":
            usage = event["response"]["usage"]
            report(event="completed", words=words, usage=usage)
            return str(event["response"]["id"])


async def session(arguments: argparse.Namespace, done: list[str]) -> None:
    """One connection: the turns that are not done yet."""
    headers = {
        "authorization": "Bearer sk-fake",
        "user-agent": "codex_exec/0.169.0",
        "openai-beta": "responses_websockets=2026-02-06",
    }
    if key := os.environ.get("OPENAI_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    protocols: list[Subprotocol] = []
    if arguments.protocol:  # as in a browser, where no header can be set
        protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
        del headers["authorization"]
    context = ssl.create_default_context()
    async with connect(
        arguments.url, additional_headers=headers, ssl=context, subprotocols=protocols or None
    ) as socket:
        previous = await turn(socket, {"input": "x" * 200, "generate": False})
        while len(done) < arguments.turns:
            frame: dict[str, object] = {"input": "x" * 400, "previous_response_id": previous}
            if arguments.limit:
                frame["max_output_tokens"] = arguments.limit
            previous = await turn(socket, frame)
            done.append(previous)


async def main() -> None:
    """Run, reconnect as Codex does, and report how it ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--url", default=URL)
    parser.add_argument("--protocol", action="store_true", help="The key as a subprotocol.")
    arguments = parser.parse_args()
    done: list[str] = []
    for attempt in range(RECONNECTS + 1):
        try:
            await session(arguments, done)
        except QuotaError:
            report(event="stopped", turns=len(done), attempts=attempt + 1)
            return
        except InvalidStatus as error:
            report(event="not upgraded", status=error.response.status_code, attempts=attempt + 1)
            return
        except ConnectionClosed as error:
            report(event="closed", reason=str(error))
            continue
        report(event="finished", turns=len(done), attempts=attempt + 1)
        return


asyncio.run(main())
