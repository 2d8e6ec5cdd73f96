"""AG2: one answer of an agent."""

import asyncio

from ag2 import Agent
from ag2.config import OpenAIConfig


async def main() -> None:
    """One question."""
    agent = Agent("greeter", prompt="You are friendly.", config=OpenAIConfig(model="gpt-4o-mini"))
    print((await agent.ask("Say hello.")).body)


asyncio.run(main())
