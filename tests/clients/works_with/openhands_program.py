"""OpenHands: one task of an agent of its SDK, which its CLI runs on."""

import os

from openhands.sdk import LLM, Agent, Conversation

llm = LLM(model="openai/gpt-4o-mini", api_key=os.environ["OPENAI_API_KEY"], usage_id="greeter")
conversation = Conversation(agent=Agent(llm=llm, tools=[]), workspace=".")
conversation.send_message("Say hello.")
conversation.run()
