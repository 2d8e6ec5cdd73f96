"""Mirascope: mirascope_program.py whole|stream, a function that a model answers."""

import sys

from mirascope import llm


@llm.call("openai/gpt-4o-mini")
def greet() -> str:
    """The prompt."""
    return "Say hello."


if sys.argv[1] == "stream":
    for piece in greet.stream().text_stream():
        print(piece, end="")
else:
    print(greet().text())
