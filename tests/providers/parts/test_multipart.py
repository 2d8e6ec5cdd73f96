"""Promise: the fields of a form are read, its files measured, and what is no form gives nothing."""

import pytest

from llmcap.providers.parts.multipart import fields_of, repeated
from llmcap.providers.parts.shape import Request
from llmcap.words.errors import FormatError


def form(content_type: str, body: bytes) -> Request:
    """A request with this body."""
    headers = {"content-type": content_type}
    return Request(method="POST", host="h", path="/p", headers=headers, body=body)


BODY = (
    b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\nRIFF\r\n\r\nmore\r\n"
    b"--XX\r\ncontent-disposition: form-data; name=n\r\n\r\n2\r\n--XX--\r\n"
)


@pytest.mark.parametrize("boundary", ["boundary=XX", 'boundary="XX"', "charset=utf-8; Boundary=XX"])
def test_fields_are_read_and_files_measured(boundary: str):
    """Names, texts, sizes, the first bytes of a file."""
    model, file, number = fields_of(form(f"multipart/form-data; {boundary}", BODY))

    assert (model.name, model.text, model.filename) == ("model", "whisper-1", "")
    assert (file.name, file.filename, file.size) == ("file", "a.wav", len("RIFF\r\n\r\nmore"))
    assert (file.sent.data(), file.sent.head(4), file.text) == (b"RIFF\r\n\r\nmore", b"RIFF", "")
    assert (file.said, model.said) == ("audio/wav", "")
    assert (number.name, number.text) == ("n", "2")


NO_FORMS = {
    "JSON": ("application/json", b"{}"),
    "no boundary": ("multipart/form-data", BODY),
    "another boundary": ("multipart/form-data; boundary=YY", BODY),
    "nothing": ("multipart/form-data; boundary=XX", b""),
}


@pytest.mark.parametrize(("content_type", "body"), NO_FORMS.values(), ids=NO_FORMS)
def test_what_is_no_form_has_no_fields(content_type: str, body: bytes):
    """And is no error either: who needs a field says that it is missing."""
    assert fields_of(form(content_type, body)) == []


HEAD = b'Content-Disposition: form-data; name="model"'
UNCLEAR = {
    "rubbish between the marks": b"--XX\r\n--XX garbage --XX--",
    "a head that does not end": b"--XX\r\n" + HEAD + b"\nwhisper-1\n--XX--",
    "no name": b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--",
    "a name of another encoding": b"--XX\r\nContent-Disposition: form-data; name*=u''m\r\n\r\nx",
    "two names": b"--XX\r\n" + HEAD + b"; name=n\r\n\r\nx\r\n--XX--",
    "a name in another head": b"--XX\r\nContent-Type: text/plain; name=n\r\n\r\nx\r\n--XX--",
    "too many fields": (b"--XX\r\n" + HEAD + b"\r\n\r\nx\r\n") * 1_001 + b"--XX--",
}


@pytest.mark.parametrize("body", UNCLEAR.values(), ids=UNCLEAR)
def test_what_servers_read_in_several_ways_is_refused(body: bytes):
    """A part that we would skip may be one that the vendor reads."""
    with pytest.raises(FormatError):
        fields_of(form("multipart/form-data; boundary=XX", body))


def test_two_boundaries_are_refused():
    """Each would make another form of the same bytes."""
    with pytest.raises(FormatError):
        fields_of(form("multipart/form-data; boundary=YY; boundary=XX", BODY))


def test_a_long_text_is_read_whole():
    """All of it is billed."""
    body = b"--XX\r\n" + HEAD + b"\r\n\r\n" + b"x" * 3_000_000 + b"\r\n--XX--"
    (field,) = fields_of(form("multipart/form-data; boundary=XX", body))
    assert len(field.text) == field.size == 3_000_000


def test_a_name_that_is_told_twice_is_found():
    """The same text twice is one text."""
    one = form("multipart/form-data; boundary=XX", BODY)
    assert repeated(fields_of(one)) == ""
    twice = BODY + b"--XX\r\n" + HEAD + b"\r\n\r\ngpt-4o\r\n--XX--"
    assert repeated(fields_of(form("multipart/form-data; boundary=XX", twice))) == "model"
