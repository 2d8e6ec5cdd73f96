"""Promise: media are measured and taken out of the text; all else is text, so a bound stays one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.providers.content import measure, texts
from llmcap.providers.shape import Media, Request

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
