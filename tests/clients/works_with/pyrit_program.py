"""PyRIT: one prompt to a target."""

import asyncio

from pyrit.executor.attack import PromptSendingAttack
from pyrit.prompt_target import OpenAIChatTarget
from pyrit.setup import initialize_pyrit_async


async def main() -> None:
    """Send it."""
    await initialize_pyrit_async(memory_db_type="InMemory")
    target = OpenAIChatTarget(
        model_name="gpt-4o-mini", endpoint="https://api.openai.com/v1", api_key="sk-fake"
    )
    print(await PromptSendingAttack(objective_target=target).execute_async(objective="Say hello."))


asyncio.run(main())
