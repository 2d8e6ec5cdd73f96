"""Guidance: an answer of OpenAI's in its place of a text."""

from guidance import assistant, gen, models, user

model = models.OpenAI("gpt-4o-mini", echo=False)
with user():
    model += "Say hello."
with assistant():
    model += gen("answer")
print(model["answer"])
