"""spacy-llm: a pipe that asks a model for the class of a text."""

import spacy

nlp = spacy.blank("en")
nlp.add_pipe(
    "llm",
    config={
        "task": {"@llm_tasks": "spacy.TextCat.v3", "labels": ["greeting", "other"]},
        "model": {"@llm_models": "spacy.GPT-4.v3", "name": "gpt-4o-mini"},
    },
)
print(nlp("Hello.").cats)
