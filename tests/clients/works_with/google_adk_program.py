"""Google's Agent Development Kit: google_adk_program.py run|stream."""

import asyncio
import sys

from google.adk.agents import Agent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.genai import types


async def main() -> None:
    """One turn of one agent."""
    mode = StreamingMode.SSE if sys.argv[1] == "stream" else StreamingMode.NONE
    agent = Agent(name="greeter", model="gemini-2.5-flash", instruction="Be brief.")
    runner = InMemoryRunner(agent=agent, app_name="greeting")
    session = await runner.session_service.create_session(app_name="greeting", user_id="u")
    async for event in runner.run_async(
        user_id="u",
        session_id=session.id,
        new_message=types.Content(role="user", parts=[types.Part(text="Say hello.")]),
        run_config=RunConfig(streaming_mode=mode),
    ):
        print(event.content)


asyncio.run(main())
