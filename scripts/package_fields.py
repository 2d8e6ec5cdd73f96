"""
The fields of requests as the vendors' own packages have them, as JSON: format -> field names.

`tests/data/package_fields.json` is what it said last, with the versions that it read. Runs in
`.venv-clients`, which has the packages; `tests/clients/requirements.txt` pins them. Where a format
has hosted tools, the names are the kinds of them.
"""

import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import typing
from collections.abc import Iterator

PACKAGES = (
    "anthropic", "botocore", "cohere", "google-genai", "groq", "mistralai", "openai", "together",
    "xai-sdk",
)  # fmt: skip

# Format of `fields/`, or a vendor's own part of it -> the modules with its request types.
MODULES = {
    "chat": ["openai.types.chat.completion_create_params"],
    "completions": ["openai.types.completion_create_params"],
    "responses": ["openai.types.responses.response_create_params"],
    "compact": ["openai.types.responses.response_compact_params"],
    "embeddings": ["openai.types.embedding_create_params"],
    "images": [
        "openai.types.image_generate_params",
        "openai.types.image_edit_params",
        "openai.types.image_create_variation_params",
    ],
    "speech": ["openai.types.audio.speech_create_params"],
    "transcriptions": [
        "openai.types.audio.transcription_create_params",
        "openai.types.audio.translation_create_params",
        "groq.types.audio.transcription_create_params",
        "groq.types.audio.translation_create_params",
    ],
    "decisions": ["openai.types.decision_create_params"],
    "batches": ["openai.types.batch_create_params", "groq.types.batch_create_params"],
    "tuning": ["openai.types.fine_tuning.job_create_params"],
    "containers": ["openai.types.container_create_params"],
    "storeSearch": ["openai.types.vector_store_search_params"],
    "videos": [
        "openai.types.video_create_params",
        "openai.types.video_edit_params",
        "openai.types.video_extend_params",
        "openai.types.video_remix_params",
    ],
    "runs": [
        "openai.types.beta.threads.run_create_params",
        "openai.types.beta.threads.run_submit_tool_outputs_params",
        "openai.types.beta.thread_create_and_run_params",
    ],
    "messages": [
        "anthropic.types.message_create_params",
        "anthropic.types.beta.message_create_params",
    ],
    "messageBatches": [
        "anthropic.types.messages.batch_create_params",
        "anthropic.types.beta.messages.batch_create_params",
    ],
    "groq/chat": ["groq.types.chat.completion_create_params"],
    "groq/speech": ["groq.types.audio.speech_create_params"],
    "groq/embeddings": ["groq.types.embedding_create_params"],
    "together/chat": ["together.types.chat.completion_create_params"],
    "together/completions": ["together.types.completion_create_params"],
    "together/images": ["together.types.image_generate_params"],
    "together/rerank": ["together.types.rerank_create_params"],
}
# The records of a module that are a whole request, by the end of their name.
WHOLE = ("ParamsBase", "ParamsNonStreaming", "ParamsStreaming", "Params")

# Objects that stand within a request, each a record of its own.
_PREDICTION = "openai.types.chat.chat_completion_prediction_content_param"
_THINKING = "anthropic.types.beta.beta_thinking_config_"
_HEARING = "transcription_session_create_request"
_REALTIME = "openai.types.realtime.realtime_"
RECORDS = {
    "realtime.session": [
        f"{_REALTIME}session_create_request_param:RealtimeSessionCreateRequestParam",
        f"{_REALTIME}{_HEARING}_param:RealtimeTranscriptionSessionCreateRequestParam",
    ],
    "chat.audio": ["openai.types.chat.chat_completion_audio_param:ChatCompletionAudioParam"],
    "chat.prediction": [
        f"{_PREDICTION}:ChatCompletionPredictionContentParam",
    ],
    "chat.stream_options": [
        "openai.types.chat.chat_completion_stream_options_param:ChatCompletionStreamOptionsParam",
    ],
    "chat.web_search_options": ["openai.types.chat.completion_create_params:WebSearchOptions"],
    "responses.reasoning": ["openai.types.shared_params.reasoning:Reasoning"],
    "responses.text": ["openai.types.responses.response_text_config_param:ResponseTextConfigParam"],
    "messages.output_config": [
        "anthropic.types.beta.beta_output_config_param:BetaOutputConfigParam"
    ],
    "messages.thinking": [
        f"{_THINKING}{each}"
        for each in (
            "adaptive_param:BetaThinkingConfigAdaptiveParam",
            "enabled_param:BetaThinkingConfigEnabledParam",
            "disabled_param:BetaThinkingConfigDisabledParam",
        )
    ],
    "realtime.response": [
        f"{_REALTIME}response_create_params_param:RealtimeResponseCreateParamsParam",
    ],
}
# Unions of records that a `type` tells apart.
KINDS = {
    "realtime": "openai.types.realtime.realtime_client_event_param:RealtimeClientEventParam",
    "responses.tools": "openai.types.responses.tool_param:ToolParam",
    "messages.tools": "anthropic.types.beta.beta_tool_union_param:BetaToolUnionParam",
}
_DATED = re.compile(r"_(?:\d{8}|\d{4}_\d{2}_\d{2})$")

# Mistral's records, and Google's as their fields are sent.
MISTRAL = {
    "mistral/chat": ["ChatCompletionRequest", "ChatCompletionStreamRequest"],
    "mistral/embeddings": ["EmbeddingRequest"],
    "mistral/speech": ["SpeechRequest"],
    "mistral/transcriptions": ["AudioTranscriptionRequest"],
    "fim": ["FIMCompletionRequest"],
    "agentCompletions": ["AgentsCompletionRequest"],
    "classifications": ["ClassificationRequest"],
    "ocr": ["OCRRequest"],
    "conversations": [
        "ConversationRequest", "ConversationAppendRequest", "ConversationRestartRequest",
    ],
    "conversations.completion_args": ["CompletionArgs"],
    "batchJobs": ["CreateBatchJobRequest"],
}  # fmt: skip
GOOGLE = {
    "generateContent.generationConfig": "GenerationConfig",
    "generateContent.generationConfig.imageConfig": "ImageConfig",
    "generateContent.generationConfig.thinkingConfig": "ThinkingConfig",
    "generateContent.tools": "Tool",
    "live": "LiveClientMessage",
    "live.setup": "LiveClientSetup",
}
# What of a config the package uses itself, and does not send.
_UNSENT = {
    "httpOptions", "shouldReturnHttpResponse", "automaticFunctionCalling", "automaticContinuation",
}  # fmt: skip
# Configs whose fields are sent beside the content, or as `parameters` under older names.
_CONFIGS = {
    "embedContent": ("EmbedContentConfig",),
    "cachedContents": ("CreateCachedContentConfig",),
    "predict.parameters": ("GenerateImagesConfig", "EditImageConfig", "UpscaleImageConfig"),
    "predictLongRunning.parameters": ("GenerateVideosConfig",),
}
_SENT_AS = {
    "numberOfImages": "sampleCount", "numberOfVideos": "sampleCount", "outputGcsUri": "storageUri",
    "outputMimeType": "outputOptions", "outputCompressionQuality": "outputOptions",
}  # fmt: skip

COHERE = {
    "cohereChat": (
        ("raw_base_client", "RawBaseCohere", "chat"), ("v2.raw_client", "RawV2Client", "chat"),
    ),
    "generations": (("raw_base_client", "RawBaseCohere", "generate"),),
    "summaries": (("raw_base_client", "RawBaseCohere", "summarize"),),
    "embed": (
        ("raw_base_client", "RawBaseCohere", "embed"), ("v2.raw_client", "RawV2Client", "embed"),
    ),
    "rerank": (
        ("raw_base_client", "RawBaseCohere", "rerank"), ("v2.raw_client", "RawV2Client", "rerank"),
    ),
    "cohere/transcriptions": (
        ("audio.transcriptions.raw_client", "RawTranscriptionsClient", "create"),
    ),
}  # fmt: skip
XAI = {"grpcCompletion": "GetCompletionsRequest", "grpcCompact": "CompactContextRequest"}


def fields_of(module: str) -> Iterator[str]:
    """The fields of each whole request in a module of typed dictionaries."""
    for name, each in vars(importlib.import_module(module)).items():
        if inspect.isclass(each) and each.__module__ == module and name.endswith(WHOLE):
            yield from getattr(each, "__annotations__", ())


def named(path: str) -> typing.Any:
    """What a `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def kinds_of(union: typing.Any) -> Iterator[str]:
    """What the `type` of each record of a union may be, without the date of its version."""
    for record in typing.get_args(union):
        hints = typing.get_type_hints(record)
        yield from _literals(hints["type"]) if "type" in hints else ("",)


def _literals(hint: typing.Any) -> Iterator[str]:
    for each in typing.get_args(hint):
        if isinstance(each, str):
            yield _DATED.sub("", each)
        else:
            yield from _literals(each)


def mistral() -> dict[str, list[str]]:
    """Mistral's."""
    models = importlib.import_module("mistralai.client.models")
    return {
        fields: [
            each.alias or name
            for record in records
            for name, each in getattr(models, record).model_fields.items()
        ]
        for fields, records in MISTRAL.items()
    }


def google() -> dict[str, list[str]]:
    """Gemini's, in the spelling of the wire."""
    types = importlib.import_module("google.genai.types")
    interactions = "google.genai._gaos.types.interactions."
    found = {fields: _camels(types, record) for fields, record in GOOGLE.items()}
    config = set(_camels(types, "GenerateContentConfig")) - _UNSENT
    found["generateContent.generationConfig"].append("imageConfig")  # the record has it elsewhere
    found["generateContent"] = sorted(config - set(found["generateContent.generationConfig"]))
    for fields, records in _CONFIGS.items():
        names = {name for record in records for name in _camels(types, record)} - _UNSENT
        found[fields] = sorted({_SENT_AS.get(name, name) for name in names} - {"labels"})
    for record in ("createmodelinteraction:CreateModelInteraction",
                   "createagentinteraction:CreateAgentInteraction"):  # fmt: skip
        found.setdefault("interactions", []).extend(named(interactions + record).model_fields)
    config_fields = named(interactions + "generationconfig:GenerationConfig").model_fields
    return {**found, "interactions.generation_config": list(config_fields)}


def amazon() -> dict[str, list[str]]:
    """Those of Bedrock's service model, with the objects in them."""
    session = importlib.import_module("botocore.session").get_session()
    shape = session.get_service_model("bedrock-runtime").shape_for("ConverseStreamRequest")
    found = {"converse": list(shape.members)}
    for name in ("inferenceConfig", "toolConfig"):
        found[f"converse.{name}"] = list(shape.members[name].members)
    tool = shape.members["toolConfig"].members["tools"].member
    return {**found, "converse.toolConfig.tools": list(tool.members)}


def cohere() -> dict[str, list[str]]:
    """Those that the methods of the client take."""
    found: dict[str, list[str]] = {}
    for fields, methods in COHERE.items():
        for module, owner, method in methods:
            client = getattr(importlib.import_module(f"cohere.{module}"), owner)
            taken = inspect.signature(getattr(client, method)).parameters
            names = [name for name in taken if name not in ("self", "request_options")]
            found.setdefault(fields, []).extend(names)
    return found


def xai() -> dict[str, list[str]]:
    """The numbers of the fields of a message."""
    protocol = importlib.import_module("xai_sdk.proto").chat_pb2
    return {
        fields: [str(field.number) for field in getattr(protocol, name).DESCRIPTOR.fields]
        for fields, name in XAI.items()
    }


def _camels(types: typing.Any, record: str) -> list[str]:
    return [_camel(name) for name in getattr(types, record).model_fields]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)


def main() -> None:
    """Print them."""
    found = {
        name: [field for module in modules for field in fields_of(module)]
        for name, modules in MODULES.items()
    }
    for name, paths in RECORDS.items():
        found[name] = [field for path in paths for field in named(path).__annotations__]
    for name, path in KINDS.items():
        found[name] = list(kinds_of(named(path)))
    for each in (mistral, google, amazon, cohere, xai):
        found |= each()
    told = {name: sorted(set(fields)) for name, fields in sorted(found.items())}
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    json.dump({"versions": versions, "fields": told}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
