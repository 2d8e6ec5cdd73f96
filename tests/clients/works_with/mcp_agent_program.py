"""mcp-agent: one agent without servers."""

import asyncio

from mcp_agent.agents.agent import Agent
from mcp_agent.app import MCPApp
from mcp_agent.config import OpenAISettings, Settings
from mcp_agent.workflows.llm.augmented_llm_openai import OpenAIAugmentedLLM

app = MCPApp(
    name="greeter",
    settings=Settings(openai=OpenAISettings(api_key="sk-fake", default_model="gpt-4o-mini")),
)


async def main() -> None:
    """One answer."""
    async with app.run(), Agent(name="greeter", instruction="You greet.") as agent:
        llm = await agent.attach_llm(OpenAIAugmentedLLM)
        print(await llm.generate_str("Say hello."))


asyncio.run(main())
