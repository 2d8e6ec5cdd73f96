"""
How much a document holds: pages, text, pictures, counted by those who can read it.

PDF by pypdf: a hundred pages fit into a kilobyte, so neither its bytes nor a search for `/Page`
tell them. What Office writes is a ZIP of XML, whose text is all of that XML at most; a file that is
text is its bytes. None says that nobody could read it (encrypted, broken, another format, larger
inside than is looked at): then it fills the window, or is as long as its vendor takes.
"""

import io
import logging
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

# What is unpacked of one document, all together.
UNPACKED_BYTES_MAX = 64 * 1024 * 1024
ENTRIES_MAX = 10_000
PAGES_MAX = 5_000
_NESTED_MAX = 4

# A byte that a page shows is one character at most, and that three bytes of UTF-8 (a subset of a
# font may have a Chinese sign under each code), which are as many tokens.
TOKENS_PER_SHOWN_BYTE = 3

_DO = re.compile(rb"\bDo\b")
_SHARED = re.compile(rb"<si\b.*?</si>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a document at most; `pages` is None where only a layout makes them."""

    text_tokens: int
    pages: int | None = None
    pictures: int = 0


def contents_of(data: bytes) -> Contents | None:
    """What these bytes hold, by what they begin with."""
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return _pdf(data)
    if data.startswith(b"PK\x03\x04"):
        return _office(data)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return Contents(len(data)) if data else None


# --- PDF ------------------------------------------------------------------------------------


def _pdf(data: bytes) -> Contents | None:
    # A tenth of a second to load: only when a document is looked at.
    import pypdf  # noqa: PLC0415

    # It warns of documents that are not quite right; none of that is for our log.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted or len(reader.pages) > PAGES_MAX:
            return None
        shown = _Shown()
        for page in reader.pages:
            shown.add(page)
        return Contents(shown.bytes * TOKENS_PER_SHOWN_BYTE, len(reader.pages) or None)
    except Exception:  # noqa: BLE001 - a broken document raises anything; it is not understood
        return None


class _Shown:
    """Bytes that say what pages show. Forms that a page draws count each time that they may be."""

    def __init__(self) -> None:
        self.bytes = 0
        self._forms: dict[int, int] = {}

    def add(self, page: Any) -> None:
        """One page, with all that it draws."""
        contents = page.get_contents()
        data = contents.get_data() if contents is not None else b""
        self.bytes += self._drawn(data, page.get("/Resources"), 0)
        for note in page.get("/Annots") or ():
            # Notes and the fields of forms are texts of their own.
            self.bytes += len(str(note.get_object().get("/Contents") or ""))
            self.bytes += len(str(note.get_object().get("/V") or ""))
        if self.bytes > UNPACKED_BYTES_MAX:
            raise ValueError("more text than is looked at")

    def _drawn(self, data: bytes, resources: Any, depth: int) -> int:
        times = len(_DO.findall(data))
        if not times or resources is None:
            return len(data)
        if depth > _NESTED_MAX:
            raise ValueError("forms in forms")
        forms = resources.get_object().get("/XObject")
        each = [self._form(form, depth) for form in (forms.get_object() if forms else {}).values()]
        return len(data) + times * max(each, default=0)

    def _form(self, reference: Any, depth: int) -> int:
        key = getattr(reference, "idnum", -1)
        if key in self._forms:
            return self._forms[key]
        form = reference.get_object()
        size = 0
        if form.get("/Subtype") == "/Form":
            size = self._drawn(form.get_data(), form.get("/Resources"), depth + 1)
        self._forms[key] = size
        return size


# --- ZIP: docx, pptx, xlsx ------------------------------------------------------------------


def _office(data: bytes) -> Contents | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" not in names or len(names) > ENTRIES_MAX:
                return None
            return _parts(archive, names)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        return None


def _parts(archive: zipfile.ZipFile, names: list[str]) -> Contents | None:
    tokens = pictures = cells = 0
    longest = 0
    for name in names:
        if not name.endswith((".xml", ".rels", ".vml")):
            pictures += "/media/" in name
            continue
        with archive.open(name) as entry:
            text = entry.read(UNPACKED_BYTES_MAX - tokens + 1)
        tokens += len(text)
        if tokens > UNPACKED_BYTES_MAX:
            return None
        # The cells of a table may all show the same text, which is there once.
        cells += text.count(b't="s"') if "/worksheets/" in name else 0
        if name.endswith("sharedStrings.xml"):
            longest = max((len(each) for each in _SHARED.findall(text)), default=0)
    return Contents(tokens + cells * longest, pictures=pictures)
