"""Outlines: outlines_program.py whole|stream, OpenAI's package behind it."""

import sys

import openai
import outlines

model = outlines.from_openai(openai.OpenAI(), "gpt-4o-mini")
if sys.argv[1] == "stream":
    for piece in model.stream("Say hello."):
        print(piece, end="")
else:
    print(model("Say hello."))
