"""The bound is a bound: whatever is asked, the ceiling is not below what it can cost."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.bounds import vocabulary
from llmcap.bounds.estimate import (
    PIECE_CHARACTERS_MAX,
    TOKENIZER_FACTOR,
    TokenCounter,
    demand,
    in_pieces,
    measured,
    sold,
)
from llmcap.bounds.reading import input_parts
from llmcap.pricing import PriceBook, cost_usd, worst_rates
from llmcap.providers.parts.shape import Ask, Media
from llmcap.words.errors import LLMCapError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Policy, Usage


def input_bound(ask, found, *, family, **seen):
    """All that one pass over a request reads at most."""
    return sum(part.tokens for part in input_parts(ask, [found], seller=family, **seen))


NOW = datetime(2026, 6, 1, tzinfo=UTC)
BOOK = PriceBook()
MODELS = [
    ("openai", "gpt-4o-mini"),
    ("openai", "o4-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-5"),
    ("google", "gemini-2.5-pro"),
]


def price(provider: str, model: str):
    """A model's price in June 2026."""
    found = BOOK.find(provider, model, NOW)
    assert found is not None, (provider, model)
    return found


@given(
    model=st.sampled_from(MODELS),
    text_bytes=st.integers(0, 2_000_000),
    limit=st.integers(1, 64_000),
    choices=st.integers(1, 8),
    parts=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_no_usage_within_the_bounds_costs_more_than_the_ceiling(
    model, text_bytes, limit, choices, parts
):
    """Whatever share is read from a cache, written to one, or reasoned, the hold covers it."""
    provider, name = model
    found = price(provider, name)
    ask = Ask(name, text_bytes=text_bytes, output_limit=limit, choices=choices)
    wanted = demand(ask, [found], Policy(), family=provider)
    read = int(min(text_bytes, found.context_window) * parts[0])
    usage = Usage(
        input_tokens=read,
        cache_read=int(read * parts[1] / 3),
        cache_write_5m=int(read * parts[2] / 3),
        cache_write_1h=int(read * parts[3] / 3),
        output_tokens=limit * choices,
        reasoning=limit * choices // 2,
    )
    assert ceil_nanos(cost_usd(usage, found)) <= wanted.ceiling_nanos()


def test_the_output_is_bounded_by_the_model_where_the_request_sets_no_limit():
    """No limit is not no output."""
    found = price("openai", "gpt-4o-mini")
    assert demand(Ask("gpt-4o-mini"), [found], Policy(), family="openai").output_limit == 16_384


def test_what_the_body_does_not_hold_is_counted_too():
    """Results of hosted tools are read, and each of many prompts has a window of its own."""
    found = price("openai", "gpt-4o-mini")
    plain = Ask("m", text_bytes=1_000)
    searched = replace(plain, extra_input=20_000)
    bound = input_bound(plain, found, family="openai")
    assert input_bound(searched, found, family="openai") == bound + 20_000
    many = Ask("m", text_bytes=10_000_000, prompts=64, generates=False)
    assert input_bound(many, found, family="openai") == 64 * 128_000


def test_sound_is_priced_as_sound():
    """A token of sound costs many times one of text."""
    found = price("openai", "gpt-4o-audio-preview")
    silent = demand(Ask("m", output_limit=10), [found], Policy(), family="openai")
    loud = demand(Ask("m", output_limit=10, sound=True), [found], Policy(), family="openai")
    assert loud.per_output_nanos > silent.per_output_nanos


def test_every_choice_is_paid_for():
    """`n: 3` is three answers."""
    found = price("openai", "gpt-4o-mini")
    one = demand(Ask("m", output_limit=100), [found], Policy(), family="openai")
    three = demand(Ask("m", output_limit=100, choices=3), [found], Policy(), family="openai")
    assert three.per_output_nanos == 3 * one.per_output_nanos
    assert three.ceiling_tokens() - one.ceiling_tokens() == 200


def test_embeddings_have_no_output_and_cannot_be_clamped():
    """There is no limit to lower."""
    found = price("openai", "text-embedding-3-small")
    wanted = demand(Ask("m", text_bytes=100, generates=False), [found], Policy(), family="openai")
    assert (wanted.output_limit, wanted.clampable) == (0, False)


def test_context_that_only_the_provider_has_is_bounded_by_the_window_or_by_what_was_seen():
    """One line may continue a conversation of any length."""
    found = price("openai", "gpt-4o-mini")
    ask = Ask("m", text_bytes=10, remote_input=True, previous_id="resp_1", output_limit=1)
    unknown = demand(ask, [found], Policy(), family="openai")
    known = demand(ask, [found], Policy(), family="openai", known_input=500)
    assert unknown.fixed_tokens == found.context_window
    assert 500 < known.fixed_tokens < 5_000


def test_helpers_on_other_models_are_paid_for():
    """A fallback may read everything once more, at its own price."""
    cheap, dear = price("anthropic", "claude-haiku-4-5"), price("anthropic", "claude-opus-4-5")
    ask = Ask("m", text_bytes=10_000, output_limit=100, extra_output=50)
    alone = demand(ask, [cheap], Policy(), family="anthropic")
    ask = replace(ask, other_models=("dear",))
    helped = demand(ask, [cheap, dear], Policy(), family="anthropic")
    assert helped.fixed_nanos > alone.fixed_nanos * 5


def test_a_loop_of_server_tools_reads_its_input_again():
    """Each round of a web search is billed with all that was read."""
    found = price("anthropic", "claude-haiku-4-5")
    once = demand(Ask("m", text_bytes=9_000), [found], Policy(), family="anthropic")
    looped = demand(Ask("m", text_bytes=9_000, loops=3), [found], Policy(), family="anthropic")
    assert looped.fixed_nanos == 3 * once.fixed_nanos


def test_what_is_written_before_a_tool_is_called_is_read_again_after_it():
    """A token of the answer may be, in each round that follows."""
    found = price("anthropic", "claude-sonnet-4-5")
    read, written = worst_rates(found, (), 9_000)
    ask = Ask("m", text_bytes=9_000, loops=3, tool_calls=2)
    looped = demand(ask, [found], Policy(), family="anthropic")
    assert looped.per_output_nanos == (written + 2 * read).scaleb(9)


def test_a_clamp_never_asks_for_more_than_the_request_itself():
    """`min_output` is no reason to refuse a request for ten tokens."""
    found = price("openai", "gpt-4o-mini")
    wanted = demand(Ask("m", output_limit=10), [found], Policy(min_output=256), family="openai")
    assert wanted.output_min == 10


def test_media_that_nothing_bounds_fill_the_window():
    """What the provider fetches itself may be as long as its owner likes."""
    found = price("openai", "gpt-4o-mini")
    for kind in ("audio", "video", "file", "unknown"):
        ask = Ask("gpt-4o-mini", text_bytes=10, media=(Media(kind),))
        assert input_bound(ask, found, family="openai") == found.context_window


def test_media_that_are_billed_by_a_unit_are_no_tokens():
    """Where the price has one for it, and no price for tokens."""
    ask = Ask("m", media=(Media("audio", unit="audio_second"),), fees={"audio_second": 9})
    found = price("openai", "gpt-4o-mini")
    assert input_bound(ask, found, family="openai") < 2_000


def test_a_count_can_only_lower_the_bound():
    """The text's own bytes bound its tokens, whatever a tokenizer says."""
    found = price("openai", "gpt-4o-mini")
    ask = Ask("m", text_bytes=4_000)
    cheap = input_bound(ask, found, family="openai")
    counted = input_bound(ask, found, family="openai", text_tokens=1_000)
    assert counted == cheap - 3_000


def test_the_counter_multiplies_with_the_familys_factor_and_learns_a_larger_one():
    """A provider that counts more than the bound raises it; one that counts less does not."""
    counter = TokenCounter(encode=lambda text: [0] * len(text.split()))
    assert counter.bound(["one two", "three"], family="anthropic") == 5
    counter.learn(family="anthropic", bound=100, billed=50)
    assert counter.factor("anthropic") == TOKENIZER_FACTOR
    counter.learn(family="anthropic", bound=100, billed=150)
    assert counter.factor("anthropic") == TOKENIZER_FACTOR * Decimal("1.5")


LONG = 1_000_000


@pytest.mark.parametrize(
    "text",
    [" " * LONG, "\n" * LONG, "a" * LONG, "\t \r" * (LONG // 3), (" " * 70_000 + "x") * 10],
    ids=["spaces", "line ends", "a letter", "white space", "spaces between letters"],
)
def test_a_long_text_of_one_kind_is_counted(text):
    """tiktoken's regular expression panics on the first of these, given whole."""
    assert 0 < TokenCounter().count([text]) <= len(text)


@given(st.text(alphabet="ab \n", max_size=4_000), st.integers(1, 6))
def test_a_text_is_its_pieces(text, times):
    """Nothing is lost or said twice, and none is longer than the tokenizer takes."""
    text = text * times * 20
    pieces = list(in_pieces(text))
    assert "".join(pieces) == text
    assert all(len(piece) <= PIECE_CHARACTERS_MAX for piece in pieces)
    assert all(pieces) or not text


def test_a_cut_between_words_counts_no_more_than_the_whole():
    """Prose is cut in front of a space, where a token begins anyway."""
    text = "The quick brown fox jumps over the lazy dog, " * 10_000
    whole = len(vocabulary.encoding().encode_ordinary(text))
    assert TokenCounter().count([text]) == whole


def test_a_tokenizer_that_panics_raises_an_error_that_everybody_catches():
    """What Rust panics with is no `Exception`; what ends the program stays what it is."""

    class Panic(BaseException):
        """As `pyo3_runtime.PanicException`."""

    def raising(error):
        def encode(_):
            raise error

        return TokenCounter(encode=encode)

    with pytest.raises(LLMCapError, match="Panic"):
        raising(Panic()).count(["text"])
    with pytest.raises(KeyboardInterrupt):
        raising(KeyboardInterrupt()).count(["text"])


def test_an_unknown_window_cuts_nothing_off():
    """A price from a config may not say how much its model can read."""
    found = replace(price("openai", "gpt-4o-mini"), context_window=None)
    assert input_bound(Ask("m", text_bytes=10**9), found, family="openai") >= 10**9


# --- how it is sold -------------------------------------------------------------------------

# A model that is sold by the unit, one by its tokens, and one by tokens and a fee for searches.
SOLD = {
    "whisper-1": ("openai", {"audio_second": 9}),
    "dall-e-2": ("openai", {"image": 9}),
    "gpt-4o-mini-tts": ("openai", {}),
    "gpt-4o-mini": ("openai", {}),
    "canopylabs/orpheus-v1-english": ("groq", {"input_character": 9}),
    "veo-3.1-generate-preview": ("google", {"video_second": 9}),
    "veo-3.1-lite-generate-preview": ("google", {"video_second_1080p": 9}),
}
EVERYTHING = {
    "audio_second": 9, "image": 9, "input_character": 9, "video_second_1080p": 9, "video_second": 9
}  # fmt: skip


@pytest.mark.parametrize("model", SOLD)
def test_a_model_is_billed_by_the_units_that_it_has_a_price_for(model):
    """And by no others; where its tokens have a price, by these."""
    provider, fees = SOLD[model]
    ask = Ask(model, text_bytes=5, output_limit=5, measures=EVERYTHING)
    found = sold(ask, price(provider, model))
    assert found is not None
    assert (found.fees, found.generates) == (fees, not fees)
    assert measured(EVERYTHING, price(provider, model)) == fees


def test_a_call_that_names_no_unit_of_its_model_is_not_sold():
    """It would look free: a picture's model asked for a chat, a recording's asked for an image."""
    assert sold(Ask("dall-e-2", text_bytes=5), price("openai", "dall-e-2")) is None
    assert sold(Ask("whisper-1", fees={"image": 1}), price("openai", "whisper-1")) is None
    reads = Ask("text-embedding-3-small", text_bytes=5)
    assert sold(reads, price("openai", "text-embedding-3-small")) is None
    assert sold(replace(reads, generates=False), price("openai", "text-embedding-3-small"))
    free = price("openai", "omni-moderation-latest")
    assert sold(Ask("omni-moderation-latest", text_bytes=5), free) is not None


@given(
    text_bytes=st.integers(1, 100_000),
    seconds=st.integers(0, 10**7),
    share=st.floats(0, 1),
)
def test_no_cache_costs_more_than_what_was_held_for_it(text_bytes, seconds, share):
    """However many of its bytes are tokens, and however much sooner it ends."""
    found = price("google", "gemini-2.5-pro")
    ask = Ask("gemini-2.5-pro", text_bytes=text_bytes, generates=False,
              kept_seconds=Decimal(seconds))  # fmt: skip
    held = demand(ask, [found], Policy(), family="google").ceiling_nanos()
    tokens = int(text_bytes * share)
    usage = Usage(input_tokens=tokens, extras={"cache_storage": tokens * int(seconds * share)})
    assert ceil_nanos(cost_usd(usage, found)) <= held
