"""Promise: media are measured and taken out of the text; all else is text, so a bound stays one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.providers.parts.content import measure, texts
from llmcap.providers.parts.shape import Media, Request

PIXELS = base64.b64encode(b"\x89PNG" + bytes(2_996)).decode()  # 3,000 bytes, 4,000 characters
URL = "https://example.com/a.png"


def request(document: object) -> Request:
    """A request with this JSON body."""
    body = json.dumps(document).encode()
    return Request(method="POST", host="h", path="/p", body=body)


PARTS = {
    "OpenAI chat, inline": (
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{PIXELS}", "detail": "low"},
        },
        Media("image", 3_000, "low"),
    ),
    "OpenAI chat, address": (
        {"type": "image_url", "image_url": {"url": URL}},
        Media("image", None),
    ),
    "OpenAI chat, sound": (
        {"type": "input_audio", "input_audio": {"data": PIXELS, "format": "wav"}},
        Media("audio", 3_000),
    ),
    "OpenAI chat, file": (
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXELS}"}},
        Media("file", 3_000),
    ),
    "OpenAI chat, a file of no type": (
        {"type": "file", "file": {"file_data": f"data:;base64,{PIXELS}"}},
        Media("file", None),
    ),
    "OpenAI chat, a file in percents": (
        {"type": "file", "file": {"file_data": "data:application/pdf,%25%50%44%46%2d%31"}},
        Media("file", None),
    ),
    "OpenAI chat, stored file": (
        {"type": "file", "file": {"file_id": "file-1"}},
        Media("file", None),
    ),
    "Responses, inline": (
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXELS}"},
        Media("image", 3_000, "auto"),
    ),
    "Responses, stored image": ({"type": "input_image", "file_id": "file-1"}, Media("image", None)),
    "Responses, fetched file": (
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        Media("file", None),
    ),
    "Anthropic, inline": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXELS}},
        Media("image", 3_000),
    ),
    "Anthropic, address": (
        {"type": "image", "source": {"type": "url", "url": URL}},
        Media("image", None),
    ),
    "Anthropic, document": (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PIXELS},
        },
        Media("file", 3_000),
    ),
    "Anthropic, stored file": (
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        Media("file", None),
    ),
    "Gemini, inline": (
        {"inlineData": {"mimeType": "audio/mp3", "data": PIXELS}},
        Media("audio", 3_000),
    ),
    "Gemini, snake case": (
        {"inline_data": {"mime_type": "image/png", "data": PIXELS}},
        Media("image", 3_000),
    ),
    "Gemini, stored": (
        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x/files/1"}},
        Media("video", None),
    ),
    "Bedrock, inline": (
        {"image": {"format": "png", "source": {"bytes": PIXELS}}},
        Media("image", 3_000),
    ),
}


@pytest.mark.parametrize(("part", "media"), PARTS.values(), ids=PARTS)
def test_a_medium_is_measured_and_is_no_text(part, media: Media):
    """Wherever it is in the body, and beside text."""
    asked = request(
        {"model": "m", "messages": [{"role": "user", "content": [part, {"text": "Hi"}]}]}
    )

    content = measure(asked)

    assert content.media == (media,)
    inline = 4_000 if media.bytes else 0
    assert content.text_bytes == len(asked.body) - inline
    assert "Hi" in "".join(texts(asked))
    assert PIXELS not in "".join(texts(asked))


TEXT = {
    "no media at all": {"messages": [{"role": "user", "content": "hello"}]},
    "a tool's arguments": {
        "messages": [
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "tool_use",
                        "input": {"data": PIXELS, "file_id": "an argument", "url": URL},
                    }
                ],
            }
        ]
    },
    "text that speaks of media": {"content": '{"type":"image","source":{}} data:image/png;base64,'},
    "an Anthropic document of text": {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
    },
    "a text file in base64": {"inlineData": {"mimeType": "text/plain", "data": PIXELS}},
}


@pytest.mark.parametrize("document", TEXT.values(), ids=TEXT)
def test_what_may_be_text_is_text(document):
    """The dearer reading: nothing is taken out that the model could read as tokens."""
    asked = request(document)
    assert measure(asked).text_bytes == len(asked.body)
    assert not measure(asked).media


FILM = "https://example.com/two-hours.mp4"
FETCHED = {
    "vLLM, sound": ({"type": "audio_url", "audio_url": {"url": FILM}}, "audio"),
    "vLLM, film": ({"type": "video_url", "video_url": {"url": FILM}}, "video"),
    "a video that nobody made a name for": ({"type": "input_video", "video": FILM}, "video"),
    "Mistral, sound": ({"type": "input_audio", "input_audio": FILM}, "audio"),
    "Mistral, document": ({"type": "document_url", "document_url": FILM}, "file"),
    "Mistral, stored file": ({"type": "file", "file_id": "0195-aa"}, "file"),
    "OpenRouter, an address for its bytes": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://example.com/a.pdf"}},
        "file",
    ),
    "OpenAI, sound that it said before": ({"role": "assistant", "audio": {"id": "a1"}}, "audio"),
    "OpenAI, an item that it has": ({"type": "item_reference", "id": "msg_1"}, "unknown"),
    "OpenAI, a picture that it made": ({"type": "image_generation_call", "id": "ig_1"}, "image"),
    "Anthropic, a container's upload": ({"type": "container_upload", "file_id": "f"}, "file"),
    "Anthropic, in a tool's result": (
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "document", "source": {"type": "url", "url": FILM}}],
        },
        "file",
    ),
    "Bedrock, a bucket": (
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/a.mp4"}}}},
        "video",
    ),
    "Bedrock, in a tool's result": (
        {
            "toolResult": {
                "toolUseId": "t",
                "content": [{"document": {"source": {"s3Location": {"uri": "s3://b/a"}}}}],
            }
        },
        "file",
    ),
    "Gemini, YouTube": ({"fileData": {"fileUri": "https://youtu.be/abc"}}, "file"),
    "Gemini, in a function's response": (
        {"functionResponse": {"name": "f", "parts": [{"fileData": {"fileUri": "gs://b/a"}}]}},
        "file",
    ),
    "DashScope, film": ({"video": FILM}, "video"),
    "DashScope, sound": ({"audio": FILM}, "audio"),
    "Jina": ({"url": "https://example.com/a"}, "file"),
    "a picture beside a text": ({"type": "text", "text": "a", "image": FILM}, "image"),
    "a bucket beside a text": ({"type": "text", "text": "a", "source": "s3://b/a.mp4"}, "file"),
    "a file beside a text": ({"type": "input_text", "text": "a", "file_id": "f-1"}, "file"),
    "a film beside a text": ({"type": "text", "text": "a", "clip": FILM}, "file"),
    "an object beside a text": ({"type": "text", "text": "a", "see": {"uri": "gs://b/a"}}, "file"),
    "an address under a name of its own": ({"text": "a", "clip_to_see": {"at": FILM}}, "file"),
}


@pytest.mark.parametrize(("part", "kind"), FETCHED.values(), ids=FETCHED)
def test_what_the_provider_fetches_is_no_line_of_text(part, kind: str):
    """Under any name, at any depth: its length is not known."""
    asked = request({"messages": [{"role": "user", "content": [{"text": "Look."}, part]}]})
    assert [(media.kind, media.bytes) for media in measure(asked).media] == [(kind, None)]


UNDECLARED = {
    "a type": {"type": "hologram", "ref": "h-1"},
    "a type with a text": {"type": "hologram", "text": "a few words"},
    "a key": {"holographicData": {"ref": "h-1"}},
    "in a tool's result": {"type": "tool_result", "content": [{"type": "hologram"}]},
    "in a message's parts": {"role": "user", "parts": [{"hologram": {"ref": "h-1"}}]},
}


@pytest.mark.parametrize("part", UNDECLARED.values(), ids=UNDECLARED)
def test_a_part_that_nobody_declared_is_unknown(part):
    """What the model makes of it, nobody can tell from its bytes."""
    for key in ("messages", "input", "contents"):
        (media,) = measure(request({key: [part]})).media
        assert (media.kind, media.bytes) == ("unknown", None)
        assert "holo" in media.detail


def test_a_key_may_be_spelled_with_escapes():
    """JSON may write any letter as its number."""
    part = rb'{"type":"\u0069mage_url","\u0069mage_url":{"url":"\u0068ttps://example.com/a.png"}}'
    body = b'{"messages":[{"role":"user","content":[%s]}]}' % part
    asked = Request(method="POST", host="h", path="/p", body=body)
    assert measure(asked).media == (Media("image"),)


SENT = {
    "Ollama": {"role": "user", "content": "Look.", "images": [PIXELS]},
    "Mistral, sound": {"type": "input_audio", "input_audio": PIXELS},
    "under a name of its own": {"text": "Look.", "snapshot": {"raw": PIXELS}},
    "a picture in a list of frames": {"video": [f"data:image/png;base64,{PIXELS}"]},
}


@pytest.mark.parametrize("part", SENT.values(), ids=SENT)
def test_bytes_are_no_text_wherever_they_stand(part):
    """They begin as no text does, or stand where a medium stands."""
    (media,) = measure(request({"messages": [part]})).media
    assert media.bytes == 3_000
    assert media.sent.data().startswith(b"\x89PNG")


def test_a_film_says_how_many_of_its_frames_are_looked_at():
    """And a picture how closely."""
    part = {"fileData": {"fileUri": FILM, "mimeType": "video/mp4"}, "videoMetadata": {"fps": 24}}
    assert measure(request({"contents": [{"parts": [part]}]})).media == (
        Media("video", None, "fps=24"),
    )


NOTES = {
    "Bedrock, a document of text": {
        "document": {"format": "txt", "name": "a", "source": {"text": "words"}}
    },
    "Cohere, what a tool found": {
        "role": "tool",
        "content": [{"type": "document", "document": {"data": {"temperature": "60"}}}],
    },
    "Anthropic, a document in parts": {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "text", "text": "words"}]},
    },
    "search results": {"type": "search_result", "source": FILM, "content": [{"type": "text"}]},
    "where a text is from": {"type": "text", "text": "a", "source": FILM},
    "a text that was said": {
        "type": "output_text",
        "text": "a",
        "logprobs": [],
        "annotations": [{"url": FILM}],
    },
    "citations": {"type": "text", "text": "a", "citations": [{"url": FILM}]},
    "a document with its address": {"title": "a", "url": FILM, "snippet": "words"},
    "a tool's call": {"type": "function_call", "arguments": '{"url": "https://a.b"}'},
    "a message that is an address": {"role": "user", "content": FILM},
    "a voice": {"role": "user", "content": "Say it."},
}


@pytest.mark.parametrize("part", NOTES.values(), ids=NOTES)
def test_an_address_in_a_text_is_not_fetched(part):
    """Models read it as it is."""
    assert not measure(
        request({"messages": [part], "audio": {"voice": "a", "format": "mp3"}})
    ).media


NESTED = st.recursive(
    st.sampled_from([part for part, _ in FETCHED.values()] + [part for part, _ in PARTS.values()]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        inner.map(lambda part: {"role": "user", "content": part}),
        inner.map(lambda part: {"type": "tool_result", "content": [part]}),
        inner.map(lambda part: {"parts": [{"text": "a"}, part]}),
        inner.map(lambda part: {"type": "message", "content": [part], "role": "user"}),
        inner.map(lambda part: {"toolResult": {"toolUseId": "t", "content": [part]}}),
    ),
    max_leaves=4,
)


@given(NESTED, st.sampled_from(["messages", "input", "contents", "system", "inputs", "prompt"]))
def test_a_medium_is_found_in_any_nesting(part, key: str):
    """Whatever a conversation is made of."""
    assert measure(request({"model": "m", key: [part]})).media


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["source", "type", "data", "image_url", "url", "x"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON))
def test_any_document_is_measured(document):
    """Whatever the shape: some text, and never more than the body has."""
    asked = request(document)
    content = measure(asked)
    assert 0 <= content.text_bytes <= len(asked.body)
    assert isinstance("".join(texts(asked)), str)


def test_a_body_that_is_no_json_is_text():
    """Nothing is known about it, so all of it counts."""
    asked = Request(method="POST", host="h", path="/p", body=b"what is this?")
    assert list(texts(asked)) == ["what is this?"]


def test_a_deeply_nested_document_is_taken():
    """Nesting is no way around the count."""
    deep: object = "deep words"
    for _ in range(300):
        deep = [deep]
    assert "deep words" in "".join(texts(request({"content": deep})))
