"""LlamaIndex on Google's SDK: llama_index_google_program.py complete|stream."""

import sys

from llama_index.llms.google_genai import GoogleGenAI

model = GoogleGenAI(model="gemini-2.5-flash")
if sys.argv[1] == "stream":
    for chunk in model.stream_complete("Say hello."):
        print(chunk.delta, end="")
else:
    print(model.complete("Say hello."))
