"""
The fields of a `multipart/form-data` body, as far as a price depends on them.

https://www.rfc-editor.org/rfc/rfc7578. Files are measured, not kept: only short fields are read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llmcap.providers.shape import Request

FIELDS_MAX = 1_000
TEXT_BYTES_MAX = 1024 * 1024
HEAD_BYTES = 64

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_NAME = re.compile(rb';\s*name="?([^";\r\n]*)"?', re.IGNORECASE)
_FILENAME = re.compile(rb';\s*filename\*?="?([^";\r\n]*)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a form: a file has a `filename` and the `head` of its bytes, but no `text`."""

    name: str
    size: int
    text: str = ""
    filename: str = ""
    head: bytes = b""


def fields_of(request: Request) -> list[Field]:
    """All the fields of a form, in order; empty for a body that is none."""
    return [field for field, _ in parts_of(request)]


def parts_of(request: Request) -> Iterator[tuple[Field, bytes]]:
    """The same, each with its content."""
    content_type = request.headers.get("content-type", "")
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith("multipart/"):
        return
    delimiter = b"--" + found[1].strip().encode("latin-1", "replace")
    # What is before the first delimiter and after the last is no part of the form.
    for part in request.body.split(delimiter, FIELDS_MAX)[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not separator or name is None:
            continue
        content = content.removesuffix(b"\r\n")
        filename = _FILENAME.search(head)
        field = Field(
            name=name[1].decode("utf-8", "replace"),
            size=len(content),
            text="" if filename else _text(content),
            filename=filename[1].decode("utf-8", "replace") or "file" if filename else "",
            head=content[:HEAD_BYTES] if filename else b"",
        )
        yield field, content


def _text(content: bytes) -> str:
    return content[:TEXT_BYTES_MAX].decode("utf-8", "replace")
