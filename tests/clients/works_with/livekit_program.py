"""LiveKit Agents: the answer of its OpenAI plugin."""

import asyncio

import aiohttp
from livekit.agents.llm import ChatContext
from livekit.plugins import openai

assert aiohttp


async def main() -> None:
    """One turn."""
    context = ChatContext()
    context.add_message(role="user", content="Say hello.")
    async with openai.LLM(model="gpt-4o-mini") as llm, llm.chat(chat_ctx=context) as stream:
        async for chunk in stream:
            print(chunk)


asyncio.run(main())
