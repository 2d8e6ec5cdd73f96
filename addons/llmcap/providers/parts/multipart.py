"""
The fields of a `multipart/form-data` body, as far as a price depends on them.

https://www.rfc-editor.org/rfc/rfc7578. Files stay where they stand: only short fields are read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from llmcap.providers.parts.shape import NOT_SENT, Request, Sent
from llmcap.words.errors import FormatError

FIELDS_MAX = 1_000

_BOUNDARY = re.compile(r'boundary\*?="?([^";,]{1,200})"?', re.IGNORECASE)
_NAME = re.compile(
    rb'^content-disposition:[^\r\n]*?;\s*name="?([^";\r\n]*)"?', re.IGNORECASE | re.MULTILINE
)
_NAMES = re.compile(rb";\s*name\*?=", re.IGNORECASE)
_FILENAME = re.compile(rb';\s*filename\*?="?([^";\r\n]*)"?', re.IGNORECASE)
_TYPE = re.compile(rb"content-type:\s*([^\r\n]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a form: a file has a `filename` and its bytes where they stand, but no `text`."""

    name: str
    size: int
    text: str = ""
    filename: str = ""
    said: str = ""  # its content-type
    sent: Sent = field(default=NOT_SENT, compare=False, repr=False)


def fields_of(request: Request) -> list[Field]:
    """All the fields of a form, in order; empty for a body that is none. Raises `FormatError`."""
    return [field for field, _, _ in _spans(request)]


def parts_of(request: Request) -> Iterator[tuple[Field, bytes]]:
    """The same, each with its content."""
    return ((field, request.body[start:end]) for field, start, end in _spans(request))


def repeated(fields: Iterable[Field]) -> str:
    """The first name under which several texts stand that differ; "" where there is none."""
    seen: dict[str, str] = {}
    for each in fields:
        if not each.filename and seen.setdefault(each.name, each.text) != each.text:
            return each.name
    return ""


def _spans(request: Request) -> Iterator[tuple[Field, int, int]]:
    """
    Each field, and where its content is in the body.

    Raises `FormatError` for what is read in one way by some servers and in another by others: two
    boundaries, a part whose head has no end or no name.
    """
    content_type = request.headers.get("content-type", "")
    boundaries = _BOUNDARY.findall(content_type)
    if not boundaries or not content_type.lower().lstrip().startswith("multipart/"):
        return
    if len(boundaries) > 1:
        raise FormatError("its content-type has several boundaries")
    body, view = request.body, memoryview(request.body)
    delimiter = b"--" + boundaries[0].strip().encode("latin-1", "replace")
    # What is before the first delimiter and after the last is no part of the form.
    position = body.find(delimiter)
    for number in range(FIELDS_MAX + 1):
        if position < 0:
            return
        begin = position + len(delimiter)
        position = body.find(delimiter, begin)
        end = len(body) if position < 0 else position
        if not body[begin:end].strip(b" \t\r\n-"):
            continue  # the end of the form
        if number == FIELDS_MAX:
            raise FormatError(f"the form has more than {FIELDS_MAX} fields")
        start = body.find(b"\r\n\r\n", begin, end)
        head = body[begin : max(start, begin)]
        name = _NAME.search(head)
        if start < 0 or name is None or len(_NAMES.findall(head)) > 1:
            raise FormatError("a part of the form has no head that can be read, or not one name")
        start += 4
        if body.endswith(b"\r\n", start, end):
            end -= 2
        filename = _FILENAME.search(head)
        said = _TYPE.search(head)
        found_field = Field(
            name=name[1].decode("utf-8", "replace"),
            size=end - start,
            text="" if filename else body[start:end].decode("utf-8", "replace"),
            filename=filename[1].decode("utf-8", "replace") or "file" if filename else "",
            said=said[1].decode("latin-1").strip() if said else "",
            sent=Sent(view[start:end]) if filename else NOT_SENT,
        )
        yield found_field, start, end
