"""Magentic: a function that a model answers."""

from magentic import OpenaiChatModel, prompt


@prompt("Say hello.", model=OpenaiChatModel("gpt-4o-mini"))
def greet() -> str:
    """The answer."""


print(greet())
