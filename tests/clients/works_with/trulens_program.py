"""TruLens: a feedback function that asks a model."""

from trulens.providers.openai import OpenAI

print(OpenAI(model_engine="gpt-4o-mini").relevance("Say hello.", "Hello."))
