"""AgentScope: agentscope_program.py whole|stream."""

import asyncio
import sys

from agentscope.agent import Agent
from agentscope.credential import OpenAICredential
from agentscope.message import UserMsg
from agentscope.model import OpenAIChatModel


async def main() -> None:
    """One reply of an agent."""
    model = OpenAIChatModel(
        credential=OpenAICredential(api_key="sk-fake"),
        model="gpt-4o-mini",
        stream=sys.argv[1] == "stream",
    )
    agent = Agent(name="greeter", system_prompt="You are friendly.", model=model)
    print(await agent.reply(UserMsg("user", "Say hello.")))


asyncio.run(main())
