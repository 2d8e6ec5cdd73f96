"""
The parts of a conversation that are known: by their type, and by the keys that hold something.

What stands in a conversation and is none of these is unbounded: nobody knows what it makes a model
read. So a type that a vendor adds has to be added here, to one of the tables, before it is cheap.
From the request types of the vendors' own packages: openai 3.52, anthropic 2.11, google-genai 3.4,
mistralai 3.7, cohere 7.3, botocore 1.44 (bedrock-runtime).
"""

import re
from collections.abc import Mapping
from typing import Any

# Parts that are text all through, whatever is in them: calls of tools, their arguments, citations,
# what a search found, errors. Addresses in them are not fetched.
TEXT_TYPES = frozenset((
    # OpenAI: chat completions, Responses, assistants
    "text", "input_text", "output_text", "refusal", "summary_text", "reasoning_text", "reasoning",
    "function", "function_call", "custom", "custom_tool_call", "computer_call", "file_search_call",
    "web_search_call", "code_interpreter_call", "local_shell_call", "local_shell_call_output",
    "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output",
    "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call",
    "tool_search_call", "tool_search_output", "compaction", "compaction_trigger", "program",
    "program_output", "url_citation", "file_citation", "container_file_citation", "file_path",
    "configuration_update", "additional_tools", "reasoning.summary", "reasoning.text",
    "reasoning.encrypted", "encrypted_content",
    # Anthropic
    "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use",
    "web_search_tool_result", "web_search_result", "web_search_tool_result_error",
    "web_fetch_tool_result_error", "code_execution_tool_result", "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result", "tool_search_tool_result", "tool_reference",
    "mcp_tool_listing", "search_result", "char_location", "page_location",
    "content_block_location", "web_search_result_location", "search_result_location", "fallback",
    "browser_state", "advisor_tool_result", "tool_addition", "tool_removal", "billing_policy",
    # Mistral, Cohere
    "reference", "function.call", "tool.execution", "agent.handoff", "tool_reference",
    "resource_link", "tool", "json_object",
    # Google's interactions
    "thought", "function_result", "code_execution_call", "code_execution_result",
    "url_context_call", "url_context_result", "google_search_call", "google_search_result",
    "mcp_server_tool_call", "mcp_server_tool_result",
))  # fmt: skip

# Parts that hold parts of their own.
WALKED_TYPES = frozenset((
    "message", "tool_result", "mcp_tool_result", "function_call_output", "custom_tool_call_output",
    "computer_call_output", "web_fetch_tool_result", "web_fetch_result", "message.input",
    "message.output", "function.result", "content", "input", "user", "assistant", "system",
    "tool_result_content", "model_output", "user_input",
    # Events of a session: what they carry is under `item`, `response`, `session`.
    "conversation.item.create", "response.create", "session.update", "input_audio_buffer.append",
))  # fmt: skip

# Parts that are a medium, and of which kind; "" where something else in them says that.
MEDIA_TYPES = {
    "image": "image", "image_url": "image", "input_image": "image", "image_file": "image",
    "computer_screenshot": "image", "image_generation_call": "image", "image_base64": "image",
    "audio": "audio", "input_audio": "audio", "audio_url": "audio",
    "video": "video", "input_video": "video", "video_url": "video", "video_base64": "video",
    "document": "file", "document_url": "file", "file": "file", "input_file": "file",
    "file_url": "file", "container_upload": "file", "tool_file": "file", "media": "",
    "base64": "", "url": "",
    # Kept at OpenAI, whatever it was.
    "item_reference": "unknown",
}  # fmt: skip

# Keys that hold a medium, in any spelling, by its kind.
_MEDIA_NAMES = {
    "image": (
        "image", "images", "image_url", "image_urls", "input_image", "input_images", "image_uri",
        "image_file", "image_id", "image_bytes", "image_data", "image_base64", "init_image",
        "reference_image", "reference_images", "mask", "mask_url", "first_frame", "last_frame",
        "start_image", "end_image", "screenshot", "input_image_mask", "img", "img_url",
    ),
    "audio": (
        "audio", "audios", "audio_url", "audio_urls", "audio_uri", "input_audio", "audio_file",
        "audio_id", "audio_data", "audio_bytes", "speech", "recording", "recording_url", "song",
        "cloud_storage_url", "ref_audio", "reference_audio", "voice_url",
    ),
    "video": (
        "video", "videos", "video_url", "video_urls", "video_uri", "input_video", "video_file",
        "video_id", "video_data", "youtube_url", "frames",
    ),
    "file": (
        "file", "files", "file_id", "file_ids", "file_url", "file_urls", "file_uri", "file_data",
        "input_file", "document_url", "document_id", "inline_data", "blob", "pdf", "pdf_url",
        "attachment", "attachments", "asset", "asset_id", "s3_location", "s3_uri", "gcs_uri",
        "media_url", "source_url", "media_source", "uri", "url",
    ),
    # Beside an address in the same object these are texts; alone they may be anything.
    "document": ("document",),
}  # fmt: skip


def plain(key: str) -> str:
    """A key without the differences of spelling."""
    return key.replace("_", "").replace("-", "").lower()


MEDIA_KEYS = {
    plain(name): "file" if kind == "document" else kind
    for kind, names in _MEDIA_NAMES.items()
    for name in names
}

# Generic names of an address: where an object has text besides, it is a note, not a medium.
NOTES = frozenset(("url", "uri", "sourceurl", "source"))


def medium_at(key: str, *, says: bool) -> str | None:
    """The kind of medium that a key holds; none where it is an address beside a text."""
    name = plain(key)
    return None if says and name in NOTES else MEDIA_KEYS.get(name)


# Keys whose value is text, however it is nested: schemas, arguments, notes of the client.
TEXT_KEYS = frozenset((
    "tools", "functions", "tool_choice", "toolConfig", "tool_config", "parameters", "input_schema",
    "inputSchema", "schema", "json_schema", "responseSchema", "response_schema", "response_format",
    "arguments", "args", "metadata", "requestMetadata", "labels", "citations", "annotations",
    "tool_calls", "function_call", "functionCall", "toolUse", "json", "cache_control", "cachePoint",
    "guardrailConfig", "reasoningContent", "executableCode", "codeExecutionResult", "toolCall",
    "function", "tool_plan", "safetySettings", "stop", "stop_sequences", "mcp_servers",
    "context_management", "container", "thinking", "reasoning", "stream_options", "user_location",
    "extra_headers", "provider", "session", "text_config", "webhook", "webhook_url", "callback_url",
    "callback", "server_url", "$schema", "$id", "$ref", "http_referer", "referer",
    "searchResult", "reasoning_details", "thought_signature", "thoughtSignature", "moderation",
))  # fmt: skip

# Keys whose string is text, even where it is an address.
STRING_KEYS = frozenset((
    "text", "content", "input", "inputs", "prompt", "query", "queries", "system", "instructions",
    "instruction", "title", "context", "name", "description", "summary", "reasoning_content",
    "refusal", "snippet", "passage", "role", "id", "call_id", "tool_use_id", "tool_call_id",
    "signature", "encrypted_content", "data_text", "output", "documents", "texts", "model", "user",
    "filename", "displayName", "display_name", "message", "preamble", "chat_history", "suffix",
    "negative_prompt", "system_prompt", "response", "result", "results", "type", "format", "delta",
))  # fmt: skip

# Parts that say one text, and what else is text in them.
SAID_TYPES = frozenset(("text", "input_text", "output_text"))
SAID_KEYS = TEXT_KEYS | STRING_KEYS | {"logprobs", "status", "phase", "index", "cacheControl"}

# Keys below which a conversation stands: what is in their lists are parts.
CONTENT_KEYS = frozenset((
    "messages", "contents", "content", "input", "inputs", "system", "systemInstruction",
    "system_instruction", "parts", "prompt", "items", "item", "additional_messages", "output",
    "turns", "instances", "toolResult", "tool_result", "functionResponse", "function_response",
    "clientContent", "client_content",
))  # fmt: skip

# Keys that say by themselves that an object without a type is a part or a message that is known.
PART_KEYS = frozenset((
    "role", "content", "parts", "text", "guardContent", "toolResult", "functionResponse",
    "function_response",
    "videoMetadata", "video_metadata", "mediaResolution", "media_resolution", "thought",
    "thought_signature", "prompt", "title", "snippet", "data", "bytes", "source", "item", "items",
    "name", "input", "output", "author", "image", "video", "audio", "document", "config", "request",
    "taskType", "contents", "completion", "query", "passage", "toolUseId", "model", "turns",
    "turnComplete", "turn_complete", "task_type", "embedContentConfig", "outputDimensionality",
    "referenceId", "referenceType", "mimeType", "mime_type", "inputText", "inputImage",
))  # fmt: skip

# Where bytes stand in base64, and where an object says what they are.
BYTES_KEYS = (
    "data",
    "bytes",
    "file_data",
    "b64_json",
    "bytesBase64Encoded",
    "base64",
    "base64String",
)
MIME_KEYS = ("mime_type", "mimeType", "media_type", "mediaType", "format")

# An address, a bucket, an id of an uploaded file: what is fetched where a medium may stand.
ADDRESS = re.compile(
    r"\s*(?:(?:https?|gs|s3|ftp|file|blob|oss|azureml|wasbs?|rtmp|ipfs|volc|asset)://"
    r"|(?:file|files|img|image|asset|upload|doc)[-_/][A-Za-z0-9_-]{6,}\s*$"
    r"|arn:aws|www\.|youtu\.be/|urn:)",
    re.IGNORECASE,
)
DATA_URL = re.compile(r"\s*data:([a-z]+)/([a-z0-9.+-]+)([^,]{0,200}?);base64,", re.IGNORECASE)
ANY_DATA_URL = re.compile(r"\s*data:[a-z]*/?[a-z0-9.+-]*[;,]", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]{16,}={0,2}\s*$")

# How base64 begins of what is certainly a medium: PNG, JPEG, GIF, RIFF, MP3 with a tag, Ogg, FLAC,
# PDF, ZIP, Matroska, MP3 and AAC without one. And how long no id of a file is.
MAGIC = {
    "iVBORw": "image", "/9j/": "image", "R0lGOD": "image", "UklGR": "file", "SUQz": "audio",
    "T2dnUw": "audio", "ZkxhQw": "audio", "JVBERi": "file", "UEsDB": "file", "GkXfo": "video",
    "//": "audio",
}  # fmt: skip
MAGIC_PREFIXES = tuple(MAGIC)
CERTAIN_CHARS = 1_024


# What is said of a picture whose part sets its size by itself, as Qwen's `min_pixels` does:
# https://help.aliyun.com/zh/model-studio/vision
RESIZED = "resized"


def is_resized(part: Mapping[str, Any]) -> bool:
    """Whether a part, or an object in it, has a number beside its picture: nobody knows of what."""
    inner = (each for each in part.values() if isinstance(each, dict))
    return any(type(each) in (int, float) for held in (part, *inner) for each in held.values())


def detail_of(part: Mapping[str, Any]) -> str:
    """What a part says of how closely it is looked at."""
    metadata = part.get("videoMetadata") or part.get("video_metadata")
    if isinstance(metadata, dict) and metadata.get("fps") is not None:
        return f"fps={metadata['fps']}"
    if is_resized(part):
        return RESIZED
    detail = part.get("detail")
    if not isinstance(detail, str):
        inner = part.get("image_url")
        detail = inner.get("detail") if isinstance(inner, dict) else ""
    return detail if isinstance(detail, str) else ""
