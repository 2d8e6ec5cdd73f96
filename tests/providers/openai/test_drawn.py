"""Pictures that OpenAI draws are held at what their model, quality and size may have."""

from decimal import Decimal

import pytest

from llmcap.providers.openai.drawn import drawing_tokens, image_tokens
from llmcap.words.errors import FormatError

# What a picture costs in dollars at another seller (fal.ai), and a million of its tokens at OpenAI.
SOLD = {
    ("gpt-image-2", "high", "1024x1024"): "0.211",
    ("gpt-image-2-2026-04-21", "high", "1536x1024"): "0.165",
    ("openai/gpt-image-2", "high", "3840x2160"): "0.401",
    ("gpt-image-2.5-sunburst", "max", "2160x3840"): "0.40026",
    ("gpt-image-2.5-flare", "low", "1024x1024"): "0.00588",
}
USD_PER_MILLION = Decimal(30)


@pytest.mark.parametrize(("asked", "usd"), SOLD.items())
def test_a_picture_has_the_tokens_that_it_is_sold_for(asked, usd):
    """Rounded up: to the last digit of the price, and turned by a right angle all the same."""
    tokens = image_tokens(*asked)
    assert Decimal(usd) <= tokens * USD_PER_MILLION / 1_000_000 < Decimal(usd) + Decimal("0.0006")


@pytest.mark.parametrize("model", ["gpt-image-1", "gpt-image-2", "gpt-image-2.5-flare", "gpt-9"])
def test_what_is_not_said_is_the_most_that_it_may_be(model):
    """Of quality, size and model."""
    known = [
        image_tokens(model, quality, size)
        for quality in ("low", "medium", "high", "xhigh", "max", "auto")
        for size in ("1024x1024", "1024x1536", "2880x2880", "3840x2160", "auto")
    ]
    assert image_tokens(model, "", "") == max(known)
    assert image_tokens("gpt-9", "", "") >= image_tokens(model, "", "")


def test_pictures_on_the_way_have_tokens_of_their_own():
    """A hundred each."""
    settings = {"quality": "low", "size": "1024x1024"}
    whole = drawing_tokens(settings, model="gpt-image-1")
    assert drawing_tokens({**settings, "partial_images": 3}, model="gpt-image-1") == whole + 300


@pytest.mark.parametrize("form", ["gif", "svg"])
def test_a_picture_that_is_composed_is_refused(form):
    """A GIF has nine frames where nobody says how many: types/image_generate_params.py."""
    with pytest.raises(FormatError, match="GIF"):
        drawing_tokens({"output_format": form}, model="gpt-image-2.5-flare")
