"""
What of a request is text and what is media: one walker for the shapes of all providers.

Media travel inside JSON as base64, and would count as millions of tokens if taken for text. Only
what certainly is media is taken out of the text; anything else stays text, which is the dearer
reading and so keeps the bound a bound.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmcap.errors import FormatError
from llmcap.providers.multipart import fields_of
from llmcap.providers.shape import Media, Request

# A body without any of these has no media; one look for them is much cheaper than walking it all.
# The first letters are said by themselves, as that is what lets the look be fast.
_MEDIA_WORDS = re.compile(
    rb'"(?=[abcdfgisv])(?:audio|b(?:ytes|64_json")|container_upload"|d(?:ocument|ata:)|file|gcs'
    rb'|i(?:mage|nput_(?:image|audio|file)"|nline(?:Data|_data)")|source"|video)'
)
_DATA_URL = re.compile(r"data:([a-z]+)/([a-z0-9.+-]+)[^,]{0,100}?;base64,", re.IGNORECASE)

# Keys that name something the provider fetches or already has, and where they mean that: a tool's
# arguments may have the same names.
_REMOTE_KEYS = (
    "file_id", "file_url", "file_uri", "fileUri", "document_url", "image_id", "gcsUri", "gcs_uri",
)  # fmt: skip
_REMOTE_TYPES = frozenset((
    "file", "input_file", "image", "input_image", "image_file", "document", "document_url",
    "container_upload", "computer_screenshot",
))  # fmt: skip
_REMOTE_PLACES = ("source", "file", "fileData", "file_data", "image_file", "image", "video")
# Objects that hold bytes in base64, by the keys of those bytes.
_BYTES_KEYS = ("data", "bytes", "file_data", "b64_json", "bytesBase64Encoded")
_MIME_KEYS = ("mime_type", "mimeType", "media_type", "mediaType")
_URL_KINDS = {
    "image_url": "image", "audio_url": "audio", "video_url": "video", "input_image": "image",
}  # fmt: skip
_KINDS = ("image", "audio", "video")
_DEPTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Content:
    """How much of a body is text, and the media in it."""

    text_bytes: int
    media: tuple[Media, ...] = ()


def measure(request: Request) -> Content:
    """
    The bytes of the body that can become input tokens, and its media.

    Bytes of the JSON around the text count as text: the bound may be too high, never too low.
    """
    if not _MEDIA_WORDS.search(request.body):
        return Content(len(request.body))
    walker = _Walker()
    walker.visit(request.document(), "", 0)
    return Content(max(len(request.body) - walker.media_chars, 0), tuple(walker.media))


def texts(request: Request) -> Iterator[str]:
    """
    Everything in the request that a tokenizer should count: strings with their keys, no media.

    The punctuation of objects is kept, as tools and their schemas reach the model as such.
    """
    try:
        document = request.document()
    except FormatError:
        fields = fields_of(request)
        if not fields:
            yield request.body.decode("utf-8", "replace")
        for field in fields:
            if not field.filename:
                yield f"{field.name}: {field.text}"
        return
    walker = _Walker(keeps_texts=True)
    walker.visit(document, "", 0)
    yield from walker.texts


class _Walker:
    """Visits every value of a document once; collects media, and texts if asked to."""

    def __init__(self, *, keeps_texts: bool = False) -> None:
        self.media: list[Media] = []
        self.media_chars = 0
        self.texts: list[str] = []
        self._keeps_texts = keeps_texts

    def visit(self, value: Any, key: str, depth: int) -> None:
        """One value, which is under `key`, and all that is in it."""
        if isinstance(value, str):
            self._string(value, key)
        elif not isinstance(value, dict | list):
            self._keep(f'"{key}": {value}')
        elif depth > _DEPTH_MAX:
            self._keep(json.dumps(value, ensure_ascii=False) if self._keeps_texts else "")
        elif isinstance(value, list):
            for each in value:
                self.visit(each, key, depth + 1)
        elif not self._is_media(value, key):
            for inner, each in value.items():
                # A source is of the kind that the object around it says.
                place = f"{value.get('type') or key} source" if inner == "source" else inner
                self.visit(each, place, depth + 1)

    def _string(self, value: str, key: str) -> None:
        found = _DATA_URL.match(value) if value.startswith("data:") else None
        if found:
            self._inline(found[1].lower(), value, found.end(), "")
        else:
            self._keep(f'"{key}": {value}' if key else value)

    def _keep(self, text: str) -> None:
        if self._keeps_texts:
            self.texts.append(text)

    def _is_media(self, value: dict[str, Any], key: str) -> bool:
        """Takes an object that stands for one medium; False where it has to be walked through."""
        detail = value.get("detail")
        detail = detail if isinstance(detail, str) else ""
        for url_key, kind in _URL_KINDS.items():
            url = value.get(url_key)
            if isinstance(url, dict):
                detail = detail or str(url.get("detail") or "")
                url = url.get("url")
            if isinstance(url, str) and isinstance(value.get("type"), str):
                return self._url(url, kind, detail)
        if str(value.get("type")) in _REMOTE_TYPES or key.endswith(_REMOTE_PLACES):
            for remote_key in _REMOTE_KEYS:
                if isinstance(value.get(remote_key), str):
                    self.media.append(Media(_kind(value, key), None, detail))
                    return True
        for bytes_key in _BYTES_KEYS:
            data = value.get(bytes_key)
            if isinstance(data, str):
                return self._data(value, data, key, detail)
        if key.endswith("source") and isinstance(value.get("url"), str):
            self.media.append(Media(_kind(value, key), None, detail))
            return True
        return False

    def _url(self, url: str, kind: str, detail: str) -> bool:
        found = _DATA_URL.match(url)
        if found is None:
            self.media.append(Media(kind, None, detail))
        else:
            self._inline(found[1].lower(), url, found.end(), detail)
        return True

    def _data(self, value: dict[str, Any], data: str, key: str, detail: str) -> bool:
        if found := _DATA_URL.match(data):
            self._inline(found[1].lower(), data, found.end(), detail)
            return True
        mime = next((value[name] for name in _MIME_KEYS if isinstance(value.get(name), str)), "")
        known = mime or value.get("type") == "base64" or key.endswith(("audio", "source"))
        if not known or (mime.startswith("text/") and value.get("type") == "text"):
            return False
        kind, _, _ = mime.partition("/")
        self._inline(kind or _kind(value, key), data, 0, detail)
        return True

    def _inline(self, kind: str, data: str, start: int, detail: str) -> None:
        size = (len(data) - start) * 3 // 4
        if kind == "text":
            # A text file in base64 reaches the model as the text that it is; its base64 is longer.
            self._keep(data[start:])
            return
        self.media_chars += len(data) - start
        self.media.append(Media(kind if kind in _KINDS else "file", size, detail))


def _kind(value: dict[str, Any], key: str) -> str:
    """What kind of media an object is, from its type, its mime type, or the key it is under."""
    hints = [value.get("type"), key, value.get("format")]
    hints += [value.get(name) for name in _MIME_KEYS]
    for hint in hints:
        for kind in _KINDS:
            if isinstance(hint, str) and kind in hint:
                return kind
    return "file"
