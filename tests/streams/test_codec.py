"""
Promise: any cut of the bytes decodes to the same, rubbish raises `FormatError`, a bomb stays small.
"""

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcap.streams.codec import PIECE_BYTES, Decoder, decoder_for
from llmcap.words.errors import FormatError

TEXT = b'data: {"choices":[{"delta":{"content":"caf\xc3\xa9"}}]}\n\n' * 40


def raw_deflate(data: bytes) -> bytes:
    """Deflate as some servers send it: without the zlib header."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def zstd(data: bytes) -> bytes:
    """One zstd frame."""
    return zstandard.ZstdCompressor().compress(data)


ENCODED = {
    "identity": ("identity", TEXT),
    "none": ("", TEXT),
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip, upper case": ("X-GZIP", gzip.compress(TEXT)),
    "gzip of two members": ("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
    "gzip padded with zeros": ("gzip", gzip.compress(TEXT) + b"\0" * 20),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without header": ("deflate", raw_deflate(TEXT)),
    "br": ("br", brotli.compress(TEXT)),
    "zstd": ("zstd", zstd(TEXT)),
    "zstd of two frames": ("zstd", zstd(TEXT[:99]) + zstd(TEXT[99:])),
    "gzip, then br": ("gzip, br", brotli.compress(gzip.compress(TEXT))),
}


def decoded(decoder: Decoder, *pieces: bytes) -> bytes:
    """All that the pieces decode to."""
    return b"".join(b"".join(decoder.decode(piece)) for piece in pieces)


@pytest.mark.parametrize(("encoding", "wire"), ENCODED.values(), ids=ENCODED)
def test_every_cut_decodes_to_the_same(encoding: str, wire: bytes):
    """Whole, byte by byte and split at every point."""
    assert decoded(decoder_for(encoding), wire) == TEXT
    assert decoded(decoder_for(encoding), *(bytes([byte]) for byte in wire)) == TEXT
    for cut in range(len(wire) + 1):
        assert decoded(decoder_for(encoding), wire[:cut], wire[cut:]) == TEXT, cut


@pytest.mark.parametrize(("encoding", "wire"), ENCODED.values(), ids=ENCODED)
def test_a_cut_body_gives_what_came_so_far(encoding: str, wire: bytes):
    """A response that breaks off decodes to a prefix, without an error."""
    for cut in range(0, len(wire), 7):
        assert TEXT.startswith(decoded(decoder_for(encoding), wire[:cut]))


@pytest.mark.parametrize("encoding", ["compress", "gzip, exi", "GZIP2"])
def test_an_unknown_encoding_is_refused_by_name(encoding: str):
    """The message names what cannot be decoded."""
    with pytest.raises(FormatError, match="cannot be decoded; known are"):
        decoder_for(encoding)


def test_a_long_chain_of_encodings_is_refused():
    """A header cannot make us build any number of stages."""
    with pytest.raises(FormatError, match="at most 4"):
        decoder_for("gzip, " * 5 + "br")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_rubbish_raises_a_format_error(encoding: str):
    """What no encoder made is refused, in our own words."""
    with pytest.raises(FormatError, match="is not valid"):
        decoded(decoder_for(encoding), b"\xff\xfe this is no compressed data at all" * 20)


BOMB = b"\0" * 64 * 1024 * 1024
BOMBS = {
    "gzip": ("gzip", lambda: gzip.compress(BOMB, 9), PIECE_BYTES),
    "deflate": ("deflate", lambda: zlib.compress(BOMB, 9), PIECE_BYTES),
    "br": ("br", lambda: brotli.compress(BOMB, quality=5), PIECE_BYTES * 2),
    "zstd": ("zstd", lambda: zstd(BOMB), 16 * 1024 * 1024),
}


@pytest.mark.parametrize(("encoding", "bomb", "piece_max"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_comes_in_pieces_of_bounded_size(encoding, bomb, piece_max):
    """A few kilobytes that decode to 64 MiB never make more than a piece at a time."""
    pieces = [len(piece) for piece in decoder_for(encoding).decode(bomb())]

    assert sum(pieces) == len(BOMB)
    assert max(pieces) <= piece_max


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br"]))
def test_any_bytes_decode_or_raise_a_format_error(data: bytes, encoding: str):
    """No other exception comes out of a decoder, whatever goes in."""
    decoder = decoder_for(encoding)
    try:
        for byte in data:
            decoded(decoder, bytes([byte]))
    except FormatError:
        pass


@pytest.mark.parametrize("after", [b"\0" * 512, b"rubbish"], ids=["padding", "rubbish"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bytes_after_a_body_of_several_pieces_are_ignored(encoding: str, after: bytes):
    """What follows the end in the same chunk is no reason to go on for ever."""
    text = b"word " * PIECE_BYTES
    wire = gzip.compress(text) if encoding == "gzip" else zlib.compress(text)
    assert b"".join(decoder_for(encoding).decode(wire + after)) == text


def test_gzip_members_of_several_pieces_follow_each_other():
    """A second member in the chunk that ends a long first one is read."""
    text = b"word " * PIECE_BYTES
    wire = gzip.compress(text) + gzip.compress(b"end")
    assert b"".join(decoder_for("gzip").decode(wire)) == text + b"end"
