"""Langroid: langroid_program.py whole|stream."""

import sys

import langroid as lr
import langroid.language_models as lm

config = lm.OpenAIGPTConfig(chat_model="gpt-4o-mini", stream=sys.argv[1] == "stream")
agent = lr.ChatAgent(lr.ChatAgentConfig(llm=config, vecdb=None))
print(agent.llm_response("Say hello."))
