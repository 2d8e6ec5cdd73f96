"""Kani: kani_program.py whole|stream."""

import asyncio
import sys

from kani import Kani
from kani.engines.openai import OpenAIEngine


async def main() -> None:
    """One round of a chat."""
    chat = Kani(OpenAIEngine(model="gpt-4o-mini"))
    if sys.argv[1] == "stream":
        async for part in chat.chat_round_stream("Say hello."):
            print(part, end="")
    else:
        print(await chat.chat_round_str("Say hello."))


asyncio.run(main())
