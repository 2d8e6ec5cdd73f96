"""Pydantic AI: pydantic_ai_program.py run|stream MODEL."""

import asyncio
import sys

from pydantic_ai import Agent

how, name = sys.argv[1:]
agent = Agent(name)


async def stream() -> None:
    """The answer as it comes."""
    async with agent.run_stream("Say hello.") as answer:
        async for text in answer.stream_text(delta=True):
            print(text, end="")


if how == "stream":
    asyncio.run(stream())
else:
    print(agent.run_sync("Say hello.").output)
