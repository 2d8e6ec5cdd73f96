"""Agno: the answer of an agent."""

from agno.agent import Agent
from agno.models.openai import OpenAIChat

print(Agent(model=OpenAIChat(id="gpt-4o-mini")).run("Say hello.").content)
