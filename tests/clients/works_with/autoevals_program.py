"""Autoevals: whether an answer says what was expected."""

from autoevals.llm import Factuality

print(Factuality(model="gpt-4o-mini")("Hello.", "Hello.", input="Say hello."))
