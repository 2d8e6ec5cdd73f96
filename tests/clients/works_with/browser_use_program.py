"""browser-use: its models without a browser; browser_use_program.py openai|anthropic|google."""

import asyncio
import sys

from browser_use import ChatAnthropic, ChatGoogle, ChatOpenAI
from browser_use.llm.messages import UserMessage

MODELS = {
    "openai": (ChatOpenAI, "gpt-4o-mini"),
    "anthropic": (ChatAnthropic, "claude-haiku-4-5"),
    "google": (ChatGoogle, "gemini-2.5-flash"),
}
kind, name = MODELS[sys.argv[1]]
print(asyncio.run(kind(model=name).ainvoke([UserMessage(content="Say hello.")])))
