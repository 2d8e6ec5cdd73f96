"""Promise: a medium that nobody can bound is never cheap, and a unit is never billed twice."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from llmcap.bounds.media import (
    UNLOOKED,
    by_tokens,
    dearest_bound,
    in_units,
    media_bound,
    unit_bound,
)
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Ask, Media, Sent
from llmcap.words.errors import FormatError
from llmcap.words.records import Bounded, Unbounded

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BOOK = PriceBook()


def price(provider: str, model: str):
    """A model's price in November 2026."""
    found = BOOK.find(provider, model, NOW)
    assert found is not None, (provider, model)
    return found


@pytest.mark.parametrize("kind", ["audio", "video", "file", "unknown"])
def test_what_the_provider_fetches_is_unbounded_in_tokens(kind):
    """Its owner says how long it is, and only the provider hears it."""
    assert isinstance(media_bound(Media(kind), seller="somebody", model="m"), Unbounded)


def test_a_picture_is_bounded_wherever_it_comes_from():
    """A picture is scaled down to what the model takes."""
    assert isinstance(media_bound(Media("image"), seller="openai", model="gpt-4o"), Bounded)


def test_a_recording_that_nothing_bounds_is_not_sold():
    """By a vendor that says nothing of how long a recording may be."""
    found = replace(price("openai", "whisper-1"), provider="somebody")
    fetched = Ask("whisper-1", media=(Media("audio", unit="audio_second"),))
    with pytest.raises(FormatError):
        in_units(fetched, found)
    sent = Ask("whisper-1", media=(Media("audio", 9, unit="audio_second", sent=Sent(b"x" * 9)),))
    assert in_units(sent, found).fees == {"audio_second": UNLOOKED}
    with pytest.raises(FormatError):
        in_units(in_units(sent, found), found, looked=True)


def test_a_medium_is_billed_by_its_unit_or_as_tokens():
    """As its model's price says, and whether it is billed beside tokens."""
    sound = Media("audio", unit="audio_second")
    tokens = price("openai", "gpt-4o-transcribe")
    ask = Ask("gpt-4o-transcribe", media=(sound,))
    assert by_tokens(in_units(ask, tokens)) == (sound,)
    beside = Ask("gpt-4o-transcribe", media=(replace(sound, beside=True, bytes=3),))
    assert by_tokens(in_units(beside, tokens)) == ()
    assert isinstance(unit_bound(sound, seller="somebody"), Unbounded)


def test_a_picture_counts_as_the_dearest_model_sees_it_that_may_read_it():
    """A fallback, or what a router chooses; a name that says nothing is known by its price."""
    cheap, dear = price("openai", "gpt-4o"), price("openai", "gpt-4o-mini")
    picture = Media("image")

    def tokens(model: str, *prices) -> int:
        return dearest_bound(picture, Ask(model), prices, seller="openai").most

    assert tokens("gpt-4o", cheap) < 2_000
    assert tokens("gpt-4o", cheap, dear) == tokens("gpt-4o-mini", dear) == 48_169
    assert tokens("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", cheap) < 2_000
    unnamed = replace(cheap, model="my-deployment")
    assert tokens("gpt-4o", unnamed) < 2_000
    assert tokens("my-deployment", unnamed) == 48_169
