"""Atomic Agents: one turn."""

import instructor
from atomic_agents import AgentConfig, AtomicAgent, BasicChatInputSchema
from openai import OpenAI

config = AgentConfig(client=instructor.from_openai(OpenAI()), model="gpt-4o-mini")
print(AtomicAgent(config).run(BasicChatInputSchema(chat_message="Say hello.")))
