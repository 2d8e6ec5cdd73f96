"""OpenAI Agents, a session of its realtime agents: one answer in text."""

import asyncio
import sys

from agents.realtime import RealtimeAgent, RealtimeRunner

SETTINGS = {"model_settings": {"model_name": "gpt-realtime-mini", "modalities": ["text"]}}


async def main() -> None:
    """One message, and all that happens until the agent has answered."""
    agent = RealtimeAgent(name="greeter", instructions="You are friendly.")
    async with await RealtimeRunner(agent, config=SETTINGS).run() as session:
        await session.send_message("Say hello.")
        async for event in session:
            print(event)
            if event.type == "error":
                sys.exit(str(event.error))
            if event.type == "agent_end":
                break


asyncio.run(main())
