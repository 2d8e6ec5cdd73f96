"""
What every metered endpoint is asked, and what it may answer, with as much of a usage as it has.

One request for each way in which an endpoint's work is sold, and with each the answers that tell
its usage: tokens with all their parts, units, and nothing at all. Counts are what such a request
can be billed at most, or less.
"""

import base64
import io
import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llmcap.audit.recordings import Recording
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Billing, Endpoint, Provider, Request

Body = dict[str, Any]

TEXT = "hello there, how are you today"
MESSAGES = [{"role": "user", "content": TEXT}]
CONTENTS = [{"parts": [{"text": TEXT}]}]
PICTURE = base64.b64encode(b"x" * 40).decode()
LIMITED = {"max_tokens": 64, "max_completion_tokens": 64}

READ = {"cached_tokens": 3, "text_tokens": 16, "image_tokens": 2, "audio_tokens": 1}
WRITTEN = {"reasoning_tokens": 2, "text_tokens": 4, "image_tokens": 2, "audio_tokens": 2}
CHAT_USAGE = {
    "prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30,
    "prompt_tokens_details": READ, "completion_tokens_details": WRITTEN,
}  # fmt: skip
USAGE = {
    "input_tokens": 20, "output_tokens": 10, "total_tokens": 30,
    "input_tokens_details": READ, "output_tokens_details": WRITTEN,
}  # fmt: skip
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
CHAT: Body = {"id": "a", "object": "chat.completion", "choices": [CHOICE]}
RESPONSE: Body = {"id": "a", "object": "response", "status": "completed", "output": []}
MESSAGE: Body = {"id": "a", "type": "message", "content": [], "stop_reason": "end_turn"}
CANDIDATE = {"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}
GENERATED: Body = {
    "candidates": [CANDIDATE],
    "usageMetadata": {
        "promptTokenCount": 10, "candidatesTokenCount": 6, "thoughtsTokenCount": 4,
        "totalTokenCount": 20, "cachedContentTokenCount": 2,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 4}],
    },
}  # fmt: skip
FEW = {"prompt_tokens": 10, "total_tokens": 10, "input_tokens": 10}
UNITS = {"billed_units": {"input_tokens": 10, "output_tokens": 5, "search_units": 1}}


@dataclass(frozen=True)
class Asked:
    """One body and what it may be answered; text in place of a body names a kind of upload."""

    body: Body | str
    answers: tuple[Body | str, ...]
    headers: dict[str, str] = field(default_factory=dict)


def told(*usages: Any, of: Body = CHAT) -> tuple[Body, ...]:
    """The same answer with each usage."""
    return tuple({**of, "usage": usage} for usage in usages)


def searched(count: int) -> Body:
    """The output of a response that used hosted tools."""
    calls = [{"type": "web_search_call", "id": f"w{n}", "status": "completed"}
             for n in range(count)]  # fmt: skip
    others = [
        {"type": "file_search_call", "id": "f", "status": "completed"},
        {"type": "code_interpreter_call", "id": "c", "container_id": "x", "status": "completed"},
    ]
    return {**RESPONSE, "output": [*calls, *others], "usage": USAGE}


CHATS = told(CHAT_USAGE, None)
TRANSCRIPTS = (
    {"text": "hi", "usage": {"type": "duration", "seconds": 1, "prompt_audio_seconds": 1}},
    {"text": "hi", "duration": 1.0},
    {"text": "hi", "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}},
    {"metadata": {"duration": 1.0, "channels": 1}, "results": {}},
)

FILM = {"id": "v", "status": "queued", "seconds": "8", "size": "1280x720"}
ASKED: dict[str, tuple[Asked, ...]] = {
    "chat completions": (
        Asked({"messages": MESSAGES, **LIMITED}, CHATS),
        Asked(
            {"messages": MESSAGES, **LIMITED, "web_search_options": {}},
            told({**CHAT_USAGE, "num_search_queries": 1, "search_context_size": "medium"}),
        ),
    ),
    "responses": (
        Asked({"input": TEXT, "max_output_tokens": 64}, told(USAGE, None, of=RESPONSE)),
        Asked(
            {
                "input": TEXT,
                "max_output_tokens": 64,
                "tools": [
                    {"type": "web_search"},
                    {"type": "file_search", "vector_store_ids": ["a"]},
                    {"type": "code_interpreter", "container": {"type": "auto"}},
                ],
            },
            (searched(2),),
        ),
    ),
    "embeddings": (Asked({"input": [TEXT]}, ({"data": [], "usage": FEW}, {"data": []})),),
    "completions": (Asked({"prompt": TEXT, **LIMITED}, CHATS),),
    "compact": (Asked({"input": TEXT}, told(USAGE, of=RESPONSE)),),
    "images": (
        Asked(
            {"prompt": TEXT, "n": 2, "size": "1024x1024"},
            (
                {"data": [{"b64_json": PICTURE}] * 2, "usage": USAGE},
                {"data": [{"url": "https://a.b/c"}] * 2},
                {"data": [], "usage": {"input_tokens": 10, "output_tokens": 10}},
            ),
        ),
    ),
    "speech": (Asked({"input": TEXT, "voice": "alloy"}, ("sound",)),),
    "transcriptions": (Asked("form", TRANSCRIPTS),),
    "speech to text": (Asked("form", TRANSCRIPTS),),
    "speech-to-text": (Asked("form", TRANSCRIPTS),),
    "listen": (Asked("recording", TRANSCRIPTS),),
    "speak": (Asked({"text": TEXT}, ("sound",)),),
    "text-to-speech": (Asked({"text": TEXT}, ("sound",)),),
    "videos": (
        Asked(
            {"prompt": TEXT, "seconds": "8", "duration": 8, "size": "1280x720"},
            (FILM,),
        ),
    ),
    "videos made of another": (Asked({"prompt": TEXT}, (FILM,)),),
    "longer videos": (Asked({"prompt": TEXT, "seconds": "8"}, (FILM,)),),
    "decisions": (Asked({"input": TEXT}, ({"usage": FEW},)),),
    "runs": (
        Asked({"assistant_id": "a", "thread": {"messages": MESSAGES}, **LIMITED},
              told(CHAT_USAGE, of={"id": "r", "status": "completed"})),
    ),
    "messages": (
        Asked(
            {"max_tokens": 64, "messages": MESSAGES},
            told(
                {"input_tokens": 10, "output_tokens": 10, "cache_read_input_tokens": 5,
                 "cache_creation_input_tokens": 5},
                None,
                of=MESSAGE,
            ),
        ),
        Asked(
            {"max_tokens": 64, "messages": MESSAGES,
             "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
            told({"input_tokens": 10, "output_tokens": 10,
                  "server_tool_use": {"web_search_requests": 3}}, of=MESSAGE),
        ),
    ),
    "complete": (
        Asked({"prompt": "\n\nHuman: hi\n\nAssistant:", "max_tokens_to_sample": 64},
              told({"input_tokens": 10, "output_tokens": 10}, None, of=MESSAGE)),
    ),
    "generateContent": (
        Asked({"contents": CONTENTS, "generationConfig": {"maxOutputTokens": 64}}, (GENERATED,)),
        Asked(
            {"contents": CONTENTS, "generationConfig": {"maxOutputTokens": 64},
             "tools": [{"googleSearch": {}}]},
            ({**GENERATED, "candidates": [
                {**CANDIDATE, "groundingMetadata": {"webSearchQueries": ["a"]}}]},),
        ),
    ),
    "embedContent": (
        Asked({"content": CONTENTS[0]}, ({"embedding": {"values": [0.1]}},
                                         {"usageMetadata": {"promptTokenCount": 9}})),
    ),
    "predict": (
        Asked(
            {"instances": [{"prompt": TEXT, "content": TEXT}], "parameters": {"sampleCount": 2}},
            (
                {"predictions": [{"bytesBase64Encoded": PICTURE}] * 2},
                {"predictions": [{"embeddings": {"statistics": {"token_count": 9}}}]},
            ),
        ),
    ),
    "predictLongRunning": (
        Asked({"instances": [{"prompt": TEXT}], "parameters": {"durationSeconds": 8}},
              ({"name": "models/m/operations/o"},)),
    ),
    "interactions": (
        Asked({"input": TEXT}, ({"id": "i", "status": "completed", "usage": {
            "total_input_tokens": 10, "total_output_tokens": 10}},)),
    ),
    "cachedContents": (
        Asked({"contents": CONTENTS, "ttl": "300s"},
              ({"name": "cachedContents/x", "usageMetadata": {"totalTokenCount": 10}},)),
    ),
    "rerank": (
        Asked({"query": TEXT, "documents": ["a", "b"]},
              ({"results": [], "meta": UNITS}, {"results": [], "usage": {"total_tokens": 10}})),
    ),
    "converse": (
        Asked(
            {"messages": [{"role": "user", "content": [{"text": TEXT}]}],
             "inferenceConfig": {"maxTokens": 64}},
            ({"stopReason": "end_turn", "usage": {
                "inputTokens": 10, "outputTokens": 10, "totalTokens": 20}},),
        ),
    ),
    "invoke": (
        Asked({"messages": MESSAGES, "max_tokens": 64},
              told({"input_tokens": 10, "output_tokens": 10}, of=MESSAGE)),
        Asked({"inputText": TEXT}, ({"embedding": [0.1], "inputTextTokenCount": 9},)),
        Asked({"prompt": TEXT, "max_gen_len": 64},
              ({"generation": "hi", "prompt_token_count": 9, "generation_token_count": 5},)),
        Asked({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": TEXT}},
              ({"images": [PICTURE]},)),
        Asked({"query": TEXT, "documents": ["a"], "api_version": 2}, ({"results": []},)),
    ),
    "rawPredict": (Asked({"messages": MESSAGES, "max_tokens": 64}, CHATS),),
    "agent completions": (Asked({"agent_id": "a", "messages": MESSAGES, **LIMITED}, CHATS),),
    "conversations": (
        Asked({"inputs": TEXT, "completion_args": {"max_tokens": 64}},
              told(CHAT_USAGE, of={"conversation_id": "c", "outputs": []})),
    ),
    "ocr": (
        Asked({"document": {"document_url": "https://a.b/c.pdf"}},
              ({"pages": [], "usage_info": {"pages_processed": 3}},)),
    ),
    "classifications": (Asked({"input": [TEXT]}, ({"usage": FEW}, {"results": []})),),
    "classify": (Asked({"inputs": [TEXT]}, ({"usage": FEW, "meta": UNITS},)),),
    "chat": (
        Asked({"message": TEXT, "messages": MESSAGES, "max_tokens": 64},
              ({**CHAT, "usage": {**CHAT_USAGE, **UNITS}, "meta": UNITS,
                "prompt_eval_count": 9, "eval_count": 9, "done": True},)),
    ),
    "generate": (Asked({"prompt": TEXT, "max_tokens": 64}, ({"meta": UNITS},)),),
    "summarize": (Asked({"text": TEXT * 10}, ({"meta": UNITS},)),),
    "embed": (
        Asked({"texts": [TEXT], "input": TEXT, "input_type": "search_document"},
              ({"meta": UNITS, "prompt_eval_count": 9},)),
    ),
    "async chat completions": (Asked({"request": {"messages": MESSAGES, **LIMITED}}, CHATS),),
    "search": (Asked({"query": TEXT}, ({"results": []},)),),
    "invocations": (Asked({"messages": MESSAGES, **LIMITED}, CHATS),),
    "inference:complete": (Asked({"messages": MESSAGES, **LIMITED}, CHATS),),
    "generation": (
        Asked({"input": TEXT, "parameters": {"max_new_tokens": 64}},
              ({"results": [{"input_token_count": 9, "generated_token_count": 9}]},)),
    ),
    "predictions": (
        Asked({"input": {"prompt": TEXT, "max_tokens": 64}},
              ({"id": "p", "status": "succeeded", "output": ["hi"], "metrics": {
                  "input_token_count": 9, "output_token_count": 9, "predict_time": 1.0}},)),
    ),
    "guardrail": (
        Asked({"source": "INPUT", "content": [{"text": {"text": TEXT}}]},
              ({"action": "NONE", "usage": {"contentPolicyUnits": 1, "topicPolicyUnits": 1}},
               {"action": "NONE"})),
    ),
    "vector store search": (Asked({"query": TEXT}, ({"data": []},)),),
    "containers": (Asked({"name": "a"}, ({"id": "c"},)),),
}  # fmt: skip

# Who calls it so.
MODEL_ID = ("elevenlabs", "watsonx")

# Endpoints that work on files, speak gRPC, or stream what another one tells at once.
ELSEWHERE = {
    "batches", "fine-tuning", "batch jobs", "message batches", "batchGenerateContent",
    "asyncBatchEmbedContent", "keeping a cache for longer", "converse-stream",
    "invoke-with-response-stream", "gRPC completion", "gRPC stream", "gRPC deferred completion",
    "gRPC compact",
}  # fmt: skip


def endpoints(provider: Provider) -> dict[Endpoint, tuple[str, str]]:
    """Every metered endpoint of a provider, with one method and path that leads to it."""
    table = provider.match.table if isinstance(provider.match, Routes) else provider.routes
    found: dict[Endpoint, tuple[str, str]] = {}
    for method, path, endpoint in table:
        if endpoint.billing is Billing.METERED:
            found.setdefault(endpoint, (method.partition("|")[0], path))
    return found


def exchanges(
    provider: Provider, endpoint: Endpoint, route: tuple[str, str], model: str
) -> Iterator[Recording]:
    """Each request to the endpoint for this model, with each of its answers."""
    method, path = route
    for asked in ASKED[endpoint.name]:
        if provider.name == "replicate":
            path = f"/v1/models/{model}/predictions"
        request = _request(provider, method, _filled(path, model), asked.body, model)
        for answer in asked.answers:
            sound = answer == "sound"
            body = bytes(4_000) if sound else json.dumps(answer).encode()
            kind = "audio/mpeg" if sound else "application/json"
            yield Recording("x", request, 200, {"content-type": kind}, body, None)


def _filled(path: str, model: str) -> str:
    first, *rest = path.replace("{version}", "v1beta").rsplit("{}", 1)
    name = model.replace("/", "%2F")
    return (first.replace("{}", "x") + name + rest[0]) if rest else first


def _request(provider: Provider, method: str, path: str, body: Body | str, model: str) -> Request:
    host = provider.hosts[0].replace("*", "x")
    names = {"model_id" if provider.name in MODEL_ID else "model": model}
    if body == "form":
        parts = [f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in names.items()]  # fmt: skip
        head = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        sent = "".join([*parts, head]).encode() + _second() + b"\r\n--x--\r\n"
        headers = {"content-type": "multipart/form-data; boundary=x"}
    elif body == "recording":
        sent, headers = _second(), {"content-type": "audio/wav"}
    else:
        assert isinstance(body, dict)
        inner = {"request": {**names, **body["request"]}} if "request" in body else body
        sent, headers = json.dumps({**names, **inner}).encode(), {}
    return Request(
        method=method, host=host, path=path, query={"model": model}, headers=headers, body=sent
    )


def _second() -> bytes:
    """A second of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        sound.writeframes(bytes(16_000))
    return buffer.getvalue()
