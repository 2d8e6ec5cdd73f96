"""Marvin: one task."""

import marvin
from pydantic_ai.models.openai import OpenAIChatModel

agent = marvin.Agent(model=OpenAIChatModel("gpt-4o-mini"), name="Greeter")
print(marvin.run("Say hello.", agents=[agent]))
