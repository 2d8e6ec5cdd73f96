"""Promise: a document holds no more pages and text than are found in it, or it has no bound."""

import io
import zipfile

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from llmcap.bounds.limits import LONGEST_SECONDS, MOST_FILM_PIXELS, MOST_PAGES, MOST_PIXELS
from llmcap.bounds.media import media_bound, unit_bound
from llmcap.bounds.pages import UNPACKED_BYTES_MAX, contents_of
from llmcap.providers.parts.shape import Media, Sent
from llmcap.words.records import Bounded, Unbounded

WORDS = "The spend of a firewall is what it lets through. " * 20


def written(writer: PdfWriter) -> bytes:
    """The bytes of a document."""
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def pdf(pages: int, text: str = "", *, packed: bool = False, password: str = "") -> bytes:
    """A document of so many pages with this text on each."""
    writer = PdfWriter()
    for _ in range(pages):
        page = writer.add_blank_page(612, 792)
        if text:
            stream = DecodedStreamObject()
            stream.set_data(f"BT /F1 9 Tf ({text}) Tj ET".encode())
            page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    if password:
        writer.encrypt(password)
    document = written(writer)
    if packed:
        reader = PdfWriter(clone_from=PdfReader(io.BytesIO(document)))
        reader.compress_identical_objects()
        document = written(reader)
    return document


def office(**parts: str | bytes) -> bytes:
    """A ZIP as Office writes it; `__` in a name is a folder, and `_` its dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return buffer.getvalue()


@pytest.mark.parametrize("pages", [1, 7, 130])
def test_the_pages_of_a_pdf_are_counted(pages: int):
    """However small it is packed."""
    for document in (pdf(pages), pdf(pages, packed=True)):
        assert contents_of(document).pages == pages


def test_the_text_of_a_page_is_bounded_by_what_it_unpacks_to():
    """And each page counts, even where they share it."""
    found = contents_of(pdf(3, WORDS))
    assert found.text_tokens >= 3 * len(WORDS)
    assert len(pdf(3, WORDS)) < 3 * len(WORDS)


def test_a_form_counts_each_time_that_it_is_drawn():
    """A line of text may be on a page a hundred times, and stand in the file once."""
    writer = PdfWriter()
    page = writer.add_blank_page(612, 792)
    form = DecodedStreamObject()
    form.set_data(f"BT ({WORDS}) Tj ET".encode())
    form.update({NameObject("/Type"): NameObject("/XObject"),
                 NameObject("/Subtype"): NameObject("/Form")})  # fmt: skip
    forms = DictionaryObject({NameObject("/Fm"): writer._add_object(form)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): forms})
    drawn = DecodedStreamObject()
    drawn.set_data(b"/Fm Do " * 100)
    page[NameObject("/Contents")] = writer._add_object(drawn)
    assert contents_of(written(writer)).text_tokens >= 100 * len(WORDS)


UNREADABLE = {
    "encrypted": pdf(3, password="secret"),
    "cut off": pdf(3)[:200],
    "no pages": b"%PDF-1.7\nnothing\n%%EOF",
    "an old format of Office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900),
    "a ZIP of something else": b"PK\x03\x04" + bytes(90),
    "nothing": b"",
}


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
def test_what_nobody_can_read_has_no_bound(document: bytes):
    """Its tokens are the window's, its pages all that its vendor takes."""
    assert contents_of(document) is None
    sent = Media("file", len(document), unit="page", sent=Sent(document))
    assert isinstance(media_bound(sent, seller="openai", model="gpt-4o", looked=True), Unbounded)
    assert unit_bound(sent, seller="mistral", looked=True).most == 1_000
    assert isinstance(unit_bound(sent, seller="somebody", looked=True), Unbounded)


def test_a_text_is_its_bytes_and_an_office_file_its_xml():
    """With a picture for each that is inside."""
    assert contents_of(WORDS.encode()).text_tokens == len(WORDS)
    found = contents_of(office(word__document_xml=WORDS * 50, word__media__a_png=b"\x89PNG"))
    assert found.text_tokens >= 50 * len(WORDS)
    assert (found.pages, found.pictures) == (None, 1)


def test_cells_that_share_a_text_have_it_each():
    """A table has it once, and shows it a thousand times."""
    found = contents_of(
        office(
            xl__sharedStrings_xml=f"<sst><si><t>{WORDS}</t></si></sst>",
            xl__worksheets__sheet1_xml='<c t="s"><v>0</v></c>' * 1_000,
        )
    )
    assert found.text_tokens >= 1_000 * len(WORDS)


def test_a_zip_that_unpacks_to_more_than_is_looked_at_has_no_bound():
    """It is not unpacked to its end."""
    assert contents_of(office(word__document_xml=bytes(UNPACKED_BYTES_MAX + 9))) is None


def test_a_document_is_its_text_and_a_picture_of_each_page():
    """In the tokens of its model; none of it is known before somebody looks."""
    document = pdf(5, WORDS)
    sent = Media("file", len(document), sent=Sent(document))
    bound = media_bound(sent, seller="anthropic", model="claude-sonnet-4-5", looked=True)
    assert isinstance(bound, Bounded)
    assert 5 * (len(WORDS) + 1_640) <= bound.most <= 5 * (4 * len(WORDS) + 2_000)
    assert isinstance(media_bound(sent, seller="anthropic", model="claude-sonnet-4-5"), Unbounded)


@pytest.mark.parametrize("table", [LONGEST_SECONDS, MOST_PAGES, MOST_PIXELS, MOST_FILM_PIXELS])
def test_every_limit_says_where_it_is_from(table):
    """Somebody will want to look it up."""
    assert all(limit.most > 0 and limit.source.startswith("https://") for limit in table.values())
