"""LlamaIndex: llama_index_program.py complete|stream."""

import sys

from llama_index.llms.openai import OpenAI

model = OpenAI(model="gpt-4o-mini")
if sys.argv[1] == "stream":
    for chunk in model.stream_complete("Say hello."):
        print(chunk.delta, end="")
else:
    print(model.complete("Say hello."))
