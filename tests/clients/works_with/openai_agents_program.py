"""OpenAI's Agents SDK: openai_agents_program.py run|stream responses|chat."""

import asyncio
import sys

from openai import AsyncOpenAI

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner

how, api = sys.argv[1:]
kind = OpenAIChatCompletionsModel if api == "chat" else OpenAIResponsesModel


async def main() -> None:
    """One run of one agent."""
    agent = Agent(name="greeter", model=kind(model="gpt-4o-mini", openai_client=AsyncOpenAI()))
    if how == "stream":
        run = Runner.run_streamed(agent, "Say hello.")
        async for _ in run.stream_events():
            pass
        print(run.final_output)
    else:
        print((await Runner.run(agent, "Say hello.")).final_output)


asyncio.run(main())
