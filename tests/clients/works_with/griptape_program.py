"""Griptape: griptape_program.py whole|stream."""

import sys

from griptape.drivers.prompt.openai import OpenAiChatPromptDriver
from griptape.structures import Agent
from griptape.utils import Stream

stream = sys.argv[1] == "stream"
agent = Agent(prompt_driver=OpenAiChatPromptDriver(model="gpt-4o-mini", stream=stream))
if stream:
    for part in Stream(agent).run("Say hello."):
        print(part.value, end="")
else:
    output = agent.run("Say hello.").output
    print(output.value)
