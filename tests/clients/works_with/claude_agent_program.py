"""Claude's Agent SDK, which brings Claude Code along."""

import asyncio

from claude_agent_sdk import ClaudeAgentOptions, query


async def main() -> None:
    """One prompt."""
    async for message in query(
        prompt="Say hello.", options=ClaudeAgentOptions(model="claude-haiku-4-5", max_turns=1)
    ):
        print(message)


asyncio.run(main())
