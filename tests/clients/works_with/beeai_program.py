"""BeeAI: beeai_program.py whole|stream PROVIDER:MODEL."""

import asyncio
import sys

from beeai_framework.backend import ChatModel, UserMessage

how, name = sys.argv[1:]


async def main() -> None:
    """One answer of a model."""
    model = ChatModel.from_name(name)
    answer = await model.run([UserMessage("Say hello.")], stream=how == "stream")
    print(answer.get_text_content())


asyncio.run(main())
