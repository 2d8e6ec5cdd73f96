"""Qwen-Agent: qwen_agent_program.py whole|stream, its assistant on OpenAI's API."""

import os
import sys

from qwen_agent.llm import get_chat_model

model = get_chat_model(
    {
        "model": "gpt-4o-mini",
        "model_type": "oai",
        "model_server": "https://api.openai.com/v1",
        "api_key": os.environ["OPENAI_API_KEY"],
    }
)
asked = [{"role": "user", "content": "Say hello."}]
if sys.argv[1] == "stream":
    for answer in model.chat(messages=asked, stream=True):
        print(answer)
else:
    print(model.chat(messages=asked, stream=False))
