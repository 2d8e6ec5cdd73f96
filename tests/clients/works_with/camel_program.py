"""CAMEL: camel_program.py whole|stream openai."""

import sys

from camel.agents import ChatAgent
from camel.models import ModelFactory

how, platform = sys.argv[1:]
model = ModelFactory.create(
    model_platform=platform,
    model_type="gpt-4o-mini",
    model_config_dict={"stream": True} if how == "stream" else {"max_tokens": 100},
)
answer = ChatAgent("You greet.", model=model).step("Say hello.")
if how == "stream":
    for part in answer:
        print(part.msgs[0].content if part.msgs else "")
else:
    print(answer.msgs[0].content)
