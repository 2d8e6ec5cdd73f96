"""Promise: a picture is bounded by the rule of its model, whoever sells that, or by the dearest."""

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.bounds.families import family_of
from llmcap.bounds.pictures import picture_bound, rule_of
from llmcap.bounds.sizes import Size, size_of
from llmcap.providers.parts.shape import Media, Sent
from llmcap.words.records import Unbounded


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png(width: int, height: int, *, frames: int = 0, more: int = 0) -> bytes:
    """A PNG of this size; only its header is real."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    moves = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames else b""
    return b"\x89PNG\r\n\x1a\n" + head + moves + chunk(b"IDAT", bytes(more)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *, before: bytes = b"", marker: int = 0xC0) -> bytes:
    """A JPEG of this size, with other segments before it."""
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + before + frame + b"\xff\xda\x00\x08" + bytes(20) + b"\xff\xd9"


def segment(body: bytes) -> bytes:
    """What a camera says of itself, with a picture of its own in it."""
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def gif(width: int, height: int, *frames: tuple[int, int]) -> bytes:
    """A GIF with this screen and frames of these sizes."""
    body = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    for columns, rows in frames or [(width, height)]:
        body += b"\x21\xf9\x04\0\0\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, columns, rows, 0)
        body += b"\x02\x02\x4c\x01\0"
    return body + b"\x3b"


def webp(width: int, height: int, *, frames: int = 0, canvas: tuple[int, int] = (0, 0)) -> bytes:
    """A WebP, in the lossless form or moving."""

    def piece(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    def sides(first: int, second: int) -> bytes:
        return (first - 1).to_bytes(3, "little") + (second - 1).to_bytes(3, "little")

    bits = (width - 1) | (height - 1) << 14
    still = piece(b"VP8L", b"\x2f" + bits.to_bytes(4, "little"))
    body = still
    if frames or any(canvas):
        head = piece(b"VP8X", bytes([2 if frames else 0, 0, 0, 0]) + sides(*canvas))
        moving = piece(b"ANMF", bytes(6) + sides(width, height) + bytes(4) + still)
        body = head + (moving * frames or still)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


# --- sizes ----------------------------------------------------------------------------------

TRUE = {
    "PNG": (png(640, 480), Size(640, 480)),
    "PNG, moving": (png(64, 48, frames=7), Size(64, 48, 7)),
    "JPEG": (jpeg(640, 480), Size(640, 480)),
    "JPEG, progressive": (jpeg(640, 480, marker=0xC2), Size(640, 480)),
    "JPEG with a preview inside": (
        jpeg(4_000, 3_000, before=segment(jpeg(160, 120))), Size(4_000, 3_000)
    ),
    "GIF": (gif(30, 20), Size(30, 20)),
    "GIF, moving": (gif(30, 20, (30, 20), (10, 10), (30, 20)), Size(30, 20, 3)),
    "GIF, larger than its screen": (gif(1, 1, (900, 700)), Size(900, 700)),
    "WebP": (webp(800, 600), Size(800, 600)),
    "WebP, moving": (webp(80, 60, frames=4, canvas=(80, 60)), Size(80, 60, 4)),
    "WebP, larger than its canvas": (webp(800, 600, canvas=(1, 1)), Size(800, 600)),
}  # fmt: skip


@pytest.mark.parametrize(("picture", "size"), TRUE.values(), ids=TRUE)
def test_a_picture_is_as_large_as_it_is_decoded(picture: bytes, size: Size):
    """The larger of two sizes, where a file has two."""
    assert size_of(picture, len(picture)) == size


LIES = {
    "more bytes than so few pixels have": png(1, 1, more=400_000),
    "a height that comes later": jpeg(640, 0),
    "no width": png(0, 480),
    "pictures of several sizes": jpeg(10, 10, before=b"\xff\xc5\x00\x08" + bytes(6)),
    "another format": b"BM" + bytes(90),
    "nothing": b"",
    "a head without its end": jpeg(640, 480)[:12],
}


@pytest.mark.parametrize("picture", LIES.values(), ids=LIES)
def test_a_picture_that_does_not_tell_its_size_is_the_largest(picture: bytes):
    """Whatever it claims."""
    assert size_of(picture, len(picture)) is None
    media = Media("image", len(picture), sent=Sent(picture))
    bound = picture_bound(media, "gpt-4o-mini", looked=True)
    assert bound.most == rule_of("gpt-4o-mini").most


@given(st.sampled_from(sorted(TRUE)), st.data())
def test_any_bytes_are_taken(name: str, drawn: st.DataObject):
    """A size or none, and nothing raised."""
    picture = bytearray(TRUE[name][0])
    for _ in range(drawn.draw(st.integers(0, 6))):
        picture[drawn.draw(st.integers(0, len(picture) - 1))] = drawn.draw(st.integers(0, 255))
    cut = picture[: drawn.draw(st.integers(0, len(picture)))]
    size = size_of(bytes(cut), len(cut))
    assert size is None or (size.width > 0 and size.height > 0 and size.frames > 0)


# --- rules ----------------------------------------------------------------------------------

# The vendors' own examples, and the largest pictures.
EXAMPLES = {
    "gpt-4o, a square": ("gpt-4o", (1_024, 1_024), "high", 765, 765),
    "gpt-4o, a tall one": ("gpt-4o", (2_048, 4_096), "high", 1_105, 1_105),
    "gpt-4o, low": ("gpt-4o", (4_096, 8_192), "low", 85, 85),
    "gpt-4o-mini, a square": ("gpt-4o-mini", (1_024, 1_024), "", 25_501, 25_501),
    "gpt-5": ("gpt-5", (1_024, 1_024), "", 630, 630),
    "o3": ("o3", (1_024, 1_024), "", 675, 675),
    "gpt-4.1-mini, a square": ("gpt-4.1-mini", (1_024, 1_024), "", 1_659, 1_659),
    "gpt-4.1-mini, a large one": ("gpt-4.1-mini", (1_800, 2_400), "", 2_353, 2_489),
    "o4-mini": ("o4-mini", (1_024, 1_024), "", 1_762, 1_762),
    "gpt-5.6, as it is": ("gpt-5.6-sol", (4_000, 3_000), "", 14_100, 14_200),
    "Claude, small": ("claude-sonnet-4-5", (200, 200), "", 54, 64),
    "Claude, a square": ("claude-sonnet-4-5", (1_092, 1_092), "", 1_590, 1_600),
    "Claude, large": ("claude-sonnet-4-5", (8_000, 8_000), "", 1_600, 1_640),
    "Claude of high resolution": ("claude-opus-4-7", (8_000, 8_000), "", 4_784, 4_784),
    "Gemini, small": ("gemini-2.5-flash", (384, 384), "", 258, 258),
    "Gemini, wide": ("gemini-2.5-flash", (960, 540), "", 6 * 258, 6 * 258),
    "Gemini 3": ("gemini-3-pro-preview", (960, 540), "", 1_120, 2_240),
}


@pytest.mark.parametrize(
    ("model", "size", "detail", "least", "most"), EXAMPLES.values(), ids=EXAMPLES
)
def test_a_picture_costs_what_its_models_maker_says(model, size, detail, least, most):
    """By its size; and the largest that the model sees where nobody knows that."""
    picture = png(*size)
    sent = Media("image", len(picture), detail, sent=Sent(picture))
    assert least <= picture_bound(sent, model).most <= most
    assert picture_bound(Media("image"), model).most == rule_of(model).most >= least


SOLD = {
    "gpt-4o": (
        "openai/gpt-4o", "gpt-4o-2024-08-06", "GPT-4o", "ft:gpt-4o-2024-08-06:acme::1",
        "azure/gpt-4o", "azure-openai/gpt-4o",
    ),
    "claude-sonnet-4-5": (
        "anthropic/claude-sonnet-4.5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5@20250929", "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "Claude-Sonnet-4.5",
    ),
    "gemini-2.5-flash": (
        "google/gemini-2.5-flash", "models/gemini-2.5-flash", "google/gemini-2.5-flash-lite",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model, names in SOLD.items() for name in names]
)
def test_a_model_is_the_same_wherever_it_is_sold(model: str, name: str):
    """Under every seller's name for it."""
    assert rule_of(name).most == rule_of(model).most
    assert family_of(name)[0] == family_of(model)[0] != ""


@pytest.mark.parametrize(
    "name",
    [
        "", "my-deployment", "someone/gpt-4o", "openrouter/auto", "deepseek-ai/deepseek-vl",
        "someone/claude-haiku-4-5-distilled", "notgemini-2.5",
    ],
)  # fmt: skip
def test_a_model_that_nobody_knows_has_the_dearest_rule(name: str):
    """Of a picture of any size, and of one that is known."""
    assert family_of(name) == ("", "")
    known = ("gpt-4o", "gpt-4o-mini", "gpt-5.6", "claude-opus-4-7", "gemini-3-pro", "qwen-vl-max")
    picture = png(640, 480)
    for sent in (Media("image"), Media("image", len(picture), sent=Sent(picture))):
        least = max(picture_bound(sent, model).most for model in known)
        assert picture_bound(sent, name).most >= least


def test_a_newer_model_of_a_maker_is_as_dear_as_its_dearest():
    """Until its rule is known."""
    assert rule_of("claude-opus-9").most == 4_784
    assert rule_of("gpt-9-mini").most >= 48_169


def test_a_file_that_moves_is_as_many_pictures_as_it_has():
    """Where nobody says that its model looks at one; and too many are a film."""
    moving = gif(30, 20, *[(30, 20)] * 50)
    sent = Media("image", len(moving), sent=Sent(moving))
    still = gif(30, 20)
    one = picture_bound(Media("image", len(still), sent=Sent(still)), "mistral-small").most
    assert picture_bound(sent, "mistral-small", looked=True).most == 50 * one
    assert picture_bound(sent, "gpt-4o", looked=True).most < 1_500
    endless = png(30, 20, frames=1_000_000)
    film = Media("image", len(endless), sent=Sent(endless))
    assert isinstance(picture_bound(film, "mistral-small"), Unbounded)


def test_a_picture_in_base64_is_read_as_it_stands():
    """Of both alphabets, with the head of a data URL or without."""
    encoded = base64.urlsafe_b64encode(png(1_024, 1_024)).decode().rstrip("=")
    head = "data:image/png;base64,"
    for sent in (Sent(encoded), Sent(head + encoded, len(head))):
        assert picture_bound(Media("image", len(encoded) * 3 // 4, sent=sent), "gpt-4o").most == 765
