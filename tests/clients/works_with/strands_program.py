"""Strands Agents: strands_program.py openai|anthropic."""

import sys

from strands import Agent
from strands.models.anthropic import AnthropicModel
from strands.models.openai import OpenAIModel

made = {
    "openai": lambda: OpenAIModel(model_id="gpt-4o-mini"),
    "anthropic": lambda: AnthropicModel(model_id="claude-haiku-4-5", max_tokens=100),
}
print(Agent(model=made[sys.argv[1]]())("Say hello."))
