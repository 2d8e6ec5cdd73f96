"""
The fields of requests as the vendors' own packages have them, as JSON: format -> field names.

Runs in `.venv-clients`, which has the packages; `tests/clients/requirements.txt` pins them.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Iterator

# Format of `declared.toml`, or a vendor's own part of it -> the modules with its request types.
MODULES = {
    "chat": ["openai.types.chat.completion_create_params"],
    "completions": ["openai.types.completion_create_params"],
    "responses": ["openai.types.responses.response_create_params"],
    "embeddings": ["openai.types.embedding_create_params"],
    "images": ["openai.types.image_generate_params", "openai.types.image_edit_params"],
    "speech": ["openai.types.audio.speech_create_params"],
    "transcriptions": [
        "openai.types.audio.transcription_create_params",
        "openai.types.audio.translation_create_params",
        "groq.types.audio.transcription_create_params",
    ],
    "messages": [
        "anthropic.types.message_create_params",
        "anthropic.types.beta.message_create_params",
    ],
    "groq/chat": ["groq.types.chat.completion_create_params"],
    "together/chat": ["together.types.chat.completion_create_params"],
    "together/completions": ["together.types.completion_create_params"],
    "together/images": ["together.types.image_generate_params"],
    "together/rerank": ["together.types.rerank_create_params"],
}
# The records of a module that are a whole request, by the end of their name.
WHOLE = ("ParamsBase", "ParamsNonStreaming", "ParamsStreaming", "Params")


def fields_of(module: str) -> Iterator[str]:
    """The fields of each whole request in a module of typed dictionaries."""
    for name, each in vars(importlib.import_module(module)).items():
        if inspect.isclass(each) and each.__module__ == module and name.endswith(WHOLE):
            yield from getattr(each, "__annotations__", ())


def google() -> dict[str, list[str]]:
    """Gemini's, in the spelling of the wire."""
    from google.genai import types  # noqa: PLC0415 - only in its environment

    config = types.GenerationConfig.model_fields
    return {"generateContent.generationConfig": [_camel(name) for name in config]}


def amazon() -> dict[str, list[str]]:
    """Those of Bedrock's service model."""
    import botocore.session  # noqa: PLC0415 - likewise

    session = botocore.session.get_session()
    shape = session.get_service_model("bedrock-runtime").shape_for("ConverseStreamRequest")
    inference = shape.members["inferenceConfig"].members
    return {"converse": list(shape.members), "converse.inferenceConfig": list(inference)}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)


def main() -> None:
    """Print them."""
    found = {
        name: sorted({field for module in modules for field in fields_of(module)})
        for name, modules in MODULES.items()
    }
    json.dump(found | google() | amazon(), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
