"""AutoGen: autogen_program.py run|stream."""

import asyncio
import sys

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient


async def main() -> None:
    """One task of one agent."""
    client = OpenAIChatCompletionClient(model="gpt-4o-mini")
    stream = sys.argv[1] == "stream"
    agent = AssistantAgent("greeter", client, model_client_stream=stream)
    print((await agent.run(task="Say hello.")).messages[-1].content)


asyncio.run(main())
