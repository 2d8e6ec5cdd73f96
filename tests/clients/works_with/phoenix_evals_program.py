"""Phoenix's evaluators: a classification by a model."""

from phoenix.evals import create_classifier
from phoenix.evals.llm import LLM

judge = create_classifier(
    name="greeting",
    llm=LLM(provider="openai", model="gpt-4o-mini"),
    prompt_template="Is this a greeting: {text}?",
    choices=["yes", "no"],
)
print(judge.evaluate({"text": "Hello."}))
