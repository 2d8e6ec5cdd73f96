"""Promise: the fields of a form are read, its files measured, and what is no form gives nothing."""

import pytest

from llmcap.providers.multipart import fields_of
from llmcap.providers.shape import Request


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
    "rubbish": ("multipart/form-data; boundary=XX", b"--XX\r\n--XX garbage --XX--"),
}


@pytest.mark.parametrize(("content_type", "body"), NO_FORMS.values(), ids=NO_FORMS)
def test_what_is_no_form_has_no_fields(content_type: str, body: bytes):
    """And is no error either: who needs a field says that it is missing."""
    assert fields_of(form(content_type, body)) == []
