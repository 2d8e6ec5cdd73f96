"""Semantic Kernel: semantic_kernel_program.py whole|stream."""

import asyncio
import sys

from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
)
from semantic_kernel.contents import ChatHistory


async def main() -> None:
    """One answer."""
    service = OpenAIChatCompletion(ai_model_id="gpt-4o-mini")
    history, settings = ChatHistory(), OpenAIChatPromptExecutionSettings()
    history.add_user_message("Say hello.")
    if sys.argv[1] == "stream":
        async for part in service.get_streaming_chat_message_content(history, settings):
            print(part, end="")
    else:
        print(await service.get_chat_message_content(history, settings))


asyncio.run(main())
