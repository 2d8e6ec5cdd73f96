"""
What of a request is text and what is media: one walker for the shapes of all providers.

Media travel inside JSON as base64, and would count as millions of tokens if taken for text; an
address is a line of text, and may be a film of two hours. So what stands in a conversation is text
only where it is known to be: a part of a type that nobody declared is an unknown medium, and an
address in a place where a medium may stand is a medium that the provider fetches. Which types and
places there are, `parts` says.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmcap.providers.parts.kinds import (
    ADDRESS,
    ANY_DATA_URL,
    BASE64,
    BYTES_KEYS,
    CERTAIN_CHARS,
    CONTENT_KEYS,
    DATA_URL,
    MAGIC,
    MAGIC_PREFIXES,
    MEDIA_KEYS,
    MEDIA_TYPES,
    MIME_KEYS,
    NOTES,
    PART_KEYS,
    SAID_KEYS,
    SAID_TYPES,
    STRING_KEYS,
    TEXT_KEYS,
    TEXT_TYPES,
    WALKED_TYPES,
    detail_of,
    medium_at,
    plain,
)
from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.shape import Media, Request, Sent
from llmcap.words.errors import FormatError
from llmcap.words.frozen import record

_KINDS = ("image", "audio", "video")
_DEPTH_MAX = 200

# Addresses of pictures, by what they end with.
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|bmp|heic|avif)(?:[?#]|$)", re.IGNORECASE)
_SAYING = frozenset(("text", "content", "title", "snippet", "name", "description"))


@record(frozen=True, slots=True)
class Content:
    """How much of a body is text, and the media in it."""

    text_bytes: int
    media: tuple[Media, ...] = ()


def measure(request: Request) -> Content:
    """
    The bytes of the body that can become input tokens, and its media.

    Bytes of the JSON around the text count as text: the bound may be too high, never too low.
    """
    walker = _Walker()
    walker.around(request.document(), 0)
    return Content(max(len(request.body) - walker.media_chars, 0), tuple(walker.media))


def sold_by(units: Mapping[str, str], media: Iterable[Media]) -> tuple[Media, ...]:
    """The same media, each kind billed by its unit where the model has a price for that."""
    return tuple(
        replace(each, unit=units[each.kind], beside=True) if each.kind in units else each
        for each in media
    )


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
    walker.around(document, 0)
    yield from walker.texts


class _Walker:
    """Visits every value of a document once; collects media, and texts if asked to."""

    def __init__(self, *, keeps_texts: bool = False) -> None:
        self.media: list[Media] = []
        self.media_chars = 0
        self.texts: list[str] = []
        self._keeps_texts = keeps_texts

    # --- outside of a conversation ------------------------------------------------------------

    def around(self, value: Mapping[str, Any], depth: int) -> None:
        """An object that is no part of a conversation, and may hold one."""
        for key, each in value.items():
            if key in TEXT_KEYS:
                self._text(each, key)
                if key == "tools":
                    self._masks(each)
            elif key in CONTENT_KEYS:
                self.content(each, key, depth + 1)
            elif isinstance(each, str):
                self._string(each, key)
            elif isinstance(each, dict | list) and (kind := MEDIA_KEYS.get(plain(key))):
                self._place(each, kind, "", depth + 1, known=True)
            else:
                self._below(each, key, depth + 1)

    def _below(self, value: Any, key: str, depth: int) -> None:
        if depth > _DEPTH_MAX:
            self._unknown(value, "nested too deep")
        elif isinstance(value, dict):
            self.around(value, depth)
        elif isinstance(value, list):
            for each in value:
                self._below(each, key, depth + 1)
        elif isinstance(value, str):
            self._string(value, key)
        elif self._keeps_texts:
            self.texts.append(f'"{key}": {value}')

    def _masks(self, tools: Any) -> None:
        """A tool that draws may be given a picture."""
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and "input_image_mask" in tool:
                self._place(tool["input_image_mask"], "image", "", 1, known=True)

    # --- in a conversation --------------------------------------------------------------------

    def content(self, value: Any, key: str, depth: int) -> None:
        """What stands in a conversation: a text, a part, a message, or several."""
        if isinstance(value, str):
            self._string(value, key)
        elif depth > _DEPTH_MAX:
            self._unknown(value, "nested too deep")
        elif isinstance(value, list):
            for each in value:
                self.content(each, key, depth + 1)
        elif isinstance(value, dict):
            self._part(value, depth)
        elif self._keeps_texts:
            self.texts.append(f'"{key}": {value}')

    def _part(self, part: dict[str, Any], depth: int) -> None:
        kind = part.get("type")
        if isinstance(kind, str) and kind not in WALKED_TYPES:
            self._typed(part, kind, depth)
            return
        if not isinstance(kind, str) and part and not any(map(_is_known, part)):
            self._unknown(part, f"{str(next(iter(part)))[:60]!r}")
            return
        says = not _SAYING.isdisjoint(part)
        for key, value in part.items():
            told = isinstance(value, str) and key in STRING_KEYS
            named = None if told else medium_at(key, says=says)
            if key in TEXT_KEYS:
                self._text(value, key)
            elif told or (says and not named and isinstance(value, str)):
                self._keep(value, key)
            elif named:
                self._place(value, named, detail_of(part), depth + 1)
            elif isinstance(value, dict) and key not in CONTENT_KEYS:
                self._below(value, key, depth + 1)
            else:
                self.content(value, key, depth + 1)

    def _typed(self, part: dict[str, Any], kind: str, depth: int) -> None:
        if kind in SAID_TYPES:
            self._said(part, depth)
        elif kind in TEXT_TYPES:
            self._text(part, "")
        elif kind in MEDIA_TYPES:
            self._medium(part, MEDIA_TYPES[kind], detail_of(part), depth)
        else:
            self._unknown(part, f"type {kind[:60]!r}")

    def _said(self, part: dict[str, Any], depth: int) -> None:
        """A part that says a text; whatever it has beside, a medium may be in."""
        beside = [key for key in part.keys() - SAID_KEYS if not _is_note(key, part[key])]
        if not beside:
            self._text(part, "")
            return
        self._text({key: each for key, each in part.items() if key not in beside}, "")
        for key in sorted(beside):
            if (named := MEDIA_KEYS.get(plain(key))) and part[key]:
                self._place(part[key], named, detail_of(part), depth + 1)
            else:
                self._below(part[key], key, depth + 1)

    # --- where a medium may stand -------------------------------------------------------------

    def _place(
        self, value: Any, kind: str, detail: str, depth: int, *, known: bool = False
    ) -> bool:
        """
        What stands where a medium may: its bytes, its address, an object around these, or several.

        `known` says that an object without any of these is a setting (`audio: {voice: ...}`). False
        where there was nothing.
        """
        if isinstance(value, str):
            self._named(value, kind, detail)
        elif isinstance(value, list):
            for each in value:
                # A film may be sent as its pictures.
                frame = kind == "video" and isinstance(each, str) and _PICTURE.search(each)
                self._place(each, "image" if frame else kind, detail, depth + 1, known=known)
        elif isinstance(value, dict) and value:
            self._medium(value, kind, detail or detail_of(value), depth + 1, known=known)
        return bool(value)

    def _medium(
        self, value: dict[str, Any], kind: str, detail: str, depth: int, *, known: bool = False
    ) -> None:
        """An object that stands for one medium: its bytes or its address are in it, somewhere."""
        if depth > _DEPTH_MAX:
            self._unknown(value, "nested too deep")
            return
        kind = _kind(value, kind)
        found = len(self.media)
        said = next((value[name] for name in MIME_KEYS if isinstance(value.get(name), str)), "")
        textual = value.get("type") == "text" or said.startswith("text/")
        for key, each in value.items():
            place = plain(key)
            if key in BYTES_KEYS and isinstance(each, str):
                if textual or not self._bytes(each, kind, detail, said):
                    self._keep(each, key)
                    known = True
            elif key in (*BYTES_KEYS, "content", "parts", "text"):
                known = known or bool(each)
                # The data of a document may be an object of texts.
                walk = self._below if key in BYTES_KEYS else self.content
                walk(each, key, depth + 1)
            elif key == "source" or (place in MEDIA_KEYS and key not in MIME_KEYS):
                inner = self._place(each, _named_kind(key, kind), detail, depth + 1, known=known)
                known = known or inner  # what is in there has been counted in its own place
            elif isinstance(each, str):
                self._note(each, key)
            elif key not in TEXT_KEYS and isinstance(each, dict):
                self._medium(each, kind, detail or detail_of(each), depth + 1, known=True)
            else:
                self._text(each, key)
        if len(self.media) == found and not known:
            self.media.append(Media(kind, detail=detail, said=said))

    def _named(self, value: str, kind: str, detail: str) -> None:
        """A string where a medium stands: its bytes, or whatever names it."""
        certain = value.startswith(MAGIC_PREFIXES) or len(value) >= CERTAIN_CHARS
        if not value or (
            (certain or DATA_URL.match(value)) and self._sent(value, kind, detail, "")
        ):
            return
        self.media.append(Media(kind, detail=detail))
        self._keep(value, kind)

    def _bytes(self, value: str, kind: str, detail: str, said: str) -> bool:
        """A string where bytes stand; False where it is a text, as of a document."""
        if self._sent(value, kind, detail, said):
            return True
        if kind in _KINDS or ADDRESS.match(value) or ANY_DATA_URL.match(value):
            self.media.append(Media(kind, detail=detail))
            return True
        return False

    def _note(self, value: str, key: str) -> None:
        """A string beside a medium: a title, a format; an address is a medium of its own."""
        if key not in STRING_KEYS and key != "detail" and ADDRESS.match(value):
            self.media.append(Media("file"))
        self._keep(value, key)

    def _string(self, value: str, key: str) -> None:
        """Any other string: text, unless it is an address or the bytes of a medium."""
        kind = MEDIA_KEYS.get(plain(key), "") if key not in STRING_KEYS else ""
        if kind and (ADDRESS.match(value) or ANY_DATA_URL.match(value) or BASE64.match(value)):
            self._named(value, kind, "")
        elif key in STRING_KEYS or not self._looks(value):
            self._keep(value, key)

    def _looks(self, value: str) -> bool:
        """Takes a string that is a medium by its looks alone, under a key that says nothing."""
        if value.startswith(MAGIC_PREFIXES) and len(value) > 64 and BASE64.match(value[:256]):
            kind = next(MAGIC[prefix] for prefix in MAGIC_PREFIXES if value.startswith(prefix))
            return self._sent(value, kind, "", "")
        if ANY_DATA_URL.match(value):
            return self._sent(value, "file", "", "")
        if ADDRESS.match(value):
            self.media.append(Media("file"))
        return False

    def _sent(self, value: str, kind: str, detail: str, said: str) -> bool:
        """Takes bytes in base64, with or without the head of a data URL; False for all else."""
        start = 0
        if found := DATA_URL.match(value):
            start, said = found.end(), f"{found[1]}/{found[2]}{found[3]}".lower()
            kind = _by_mime(said, kind)
            if found[1].lower() == "text":
                # A text reaches the model as it is; its base64 is longer.
                self._keep(value[start:], kind)
                return True
        elif not BASE64.match(value[:256]) or (len(value) > 256 and not BASE64.match(value[-64:])):
            return False
        size = (len(value) - start) * 3 // 4
        self.media_chars += len(value) - start
        sent = Sent(value, start)
        self.media.append(Media(kind, size, detail, sent=sent, said=said))
        return True

    # --- text ---------------------------------------------------------------------------------

    def _unknown(self, value: Any, what: str) -> None:
        self.media.append(Media("unknown", detail=what))
        self._text(value, "")

    def _keep(self, text: str, key: str) -> None:
        if self._keeps_texts:
            self.texts.append(f'"{key}": {text}' if key else text)

    def _text(self, value: Any, key: str) -> None:
        """All that is in a value, which is text whatever it looks like."""
        if not self._keeps_texts:
            return
        stack = [(key, value, 0)]
        while stack:
            key, value, depth = stack.pop()
            if depth > _DEPTH_MAX:
                self._keep(json.dumps(value, ensure_ascii=False), key)
            elif isinstance(value, dict):
                stack.extend((name, each, depth + 1) for name, each in reversed(value.items()))
            elif isinstance(value, list):
                stack.extend((key, each, depth + 1) for each in reversed(value))
            else:
                self._keep(str(value), key)


def _is_note(key: str, value: Any) -> bool:
    """Whether it says of a text where on the web that is from."""
    return plain(key) in NOTES and isinstance(value, str) and value.startswith("http")


def _is_known(key: str) -> bool:
    """Whether a key says what an object without a type is."""
    return key in PART_KEYS or key in TEXT_KEYS or plain(key) in MEDIA_KEYS


def _kind(value: Mapping[str, Any], kind: str) -> str:
    """What kind of medium an object is: by what it says of its bytes, else as its place has it."""
    for name in MIME_KEYS:
        if isinstance(said := value.get(name), str) and "/" in said:
            return _by_mime(said, kind)
    return kind or "file"


def _by_mime(said: str, kind: str) -> str:
    told = said.partition("/")[0].lower()
    if told in _KINDS:
        return told
    return "file" if told in ("application", "text") else kind or "file"


def _named_kind(key: str, kind: str) -> str:
    """The kind that a key names, unless it may be any: `file_id` in a picture is one."""
    named = MEDIA_KEYS.get(plain(key), "file")
    return kind if named == "file" else named
