"""Google takes `sampleCount` and `sample_count`: both ask for the same, wherever they stand."""

import json
from typing import Any

import pytest

from llmcap.providers import match
from llmcap.providers.parts.declarations import snake
from llmcap.providers.parts.declared import asked
from llmcap.providers.parts.shape import Ask, Request

GEMINI, VERTEX = "generativelanguage.googleapis.com", "us-central1-aiplatform.googleapis.com"
MODELS = "/v1beta/models"
PUBLISHED = "/v1/projects/p/locations/us-central1/publishers/google/models"
CALL = {
    "contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "gs://b/a.mp4"}}]}],
    "systemInstruction": {"parts": [{"text": "be kind"}]},
    "cachedContent": "cachedContents/1",
    "serviceTier": "priority",
    "tools": [{"googleSearch": {}}, {"urlContext": {}}, {"codeExecution": {}}],
    "generationConfig": {
        "candidateCount": 3, "maxOutputTokens": 77, "responseModalities": ["AUDIO"],
        "thinkingConfig": {"thinkingBudget": 0}, "mediaResolution": "MEDIA_RESOLUTION_HIGH",
    },
}  # fmt: skip
FILM = {
    "instances": [{"prompt": "a"}, {"prompt": "b"}],
    "parameters": {"sampleCount": 3, "durationSeconds": 5, "resolution": "4k"},
}
PICTURES = {"instances": FILM["instances"], "parameters": {"sampleCount": 3}}
BATCH = {
    "batch": {"inputConfig": {"requests": {"requests": [{"request": CALL}, {"request": CALL}]}}}
}
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a call": (GEMINI, f"{MODELS}/gemini-3.5-flash:generateContent", CALL),
    "a stream": (VERTEX, f"{PUBLISHED}/gemini-3.5-flash:streamGenerateContent", CALL),
    "films": (GEMINI, f"{MODELS}/veo-3.1-generate-preview:predictLongRunning", FILM),
    "pictures": (VERTEX, f"{PUBLISHED}/imagen-4.0-generate-001:predict", PICTURES),
    "a batch": (GEMINI, f"{MODELS}/gemini-3.5-flash:batchGenerateContent", BATCH),
    "a file of a batch": (
        GEMINI, f"{MODELS}/gemini-3.5-flash:batchGenerateContent",
        {"batch": {"inputConfig": {"fileName": "files/1"}}},
    ),
    "a cache": (
        GEMINI, "/v1beta/cachedContents",
        {"model": "models/gemini-3.5-flash", "contents": [], "expireTime": "2126-01-01T00:00:00Z"},
    ),
}  # fmt: skip


def in_snake(value: Any) -> Any:
    """The same document in the other spelling."""
    if isinstance(value, dict):
        return {snake(name): in_snake(each) for name, each in value.items()}
    return [in_snake(each) for each in value] if isinstance(value, list) else value


def read(host: str, path: str, body: dict[str, Any]) -> Ask:
    """What a request asks for, but for the bytes of its text."""
    request = Request(
        method="POST", host=host, path=path, headers={"content-type": "application/json"},
        body=json.dumps(body).encode(),
    )  # fmt: skip
    found = match(host, "POST", path)
    assert found is not None
    provider, endpoint = found
    assert endpoint is not None
    return asked(endpoint, request, provider=provider.name)


@pytest.mark.parametrize(("host", "path", "body"), CASES.values(), ids=CASES)
def test_both_spellings_ask_for_the_same(host, path, body):
    """A field that is read in one of them only costs nothing in the other."""
    camel, other = read(host, path, body), read(host, path, in_snake(body))
    for name in Ask.__dataclass_fields__:
        if name not in ("text_bytes", "kept_seconds", "parts", "lots"):
            assert getattr(camel, name) == getattr(other, name), name
    assert len(camel.lots) == len(other.lots)
    for one, two in zip(camel.lots, other.lots, strict=True):
        assert (one.calls, one.written, one.windows, one.fees) == (
            two.calls, two.written, two.windows, two.fees,
        )  # fmt: skip


def test_films_and_pictures_are_made_of_each_instance():
    """Three of each of two."""
    assert read(*CASES["films"]).measures == {"video_second_4k": 30, "video_second": 30}
    assert read(*CASES["pictures"]).fees == {"image": 6}
