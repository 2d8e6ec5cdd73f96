"""Promise: no usage that the calls of a lot can have costs more than what is held for it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.bounds.lots import LOTS_MAX, Sums, from_json, lots_demand, summed, to_json, unsold
from llmcap.pricing import PriceBook, cost_usd
from llmcap.pricing.terms import SUMMED
from llmcap.providers.parts.shape import Ask, Lot, Media, Work
from llmcap.words.errors import FormatError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Price, Usage

AT = datetime(2026, 11, 20, tzinfo=UTC)
BOOK = PriceBook()
# With tiers, without; with a dearer cache; one that is not in any batch list.
MODELS = ("gpt-4o-mini", "gpt-5.6-sol", "gpt-4.1-nano", "o3")


def price_of(model: str) -> Price:
    """The list price."""
    found = BOOK.find("openai", model, AT)
    assert found is not None, model
    return found


media = st.builds(
    Media, st.sampled_from(["image", "audio", "file"]), st.none() | st.integers(0, 999)
)
asks = st.builds(
    Ask,
    model=st.sampled_from(MODELS),
    text_bytes=st.integers(1, 400_000),
    media=st.lists(media, max_size=2).map(tuple),
    generates=st.booleans(),
    output_limit=st.none() | st.integers(0, 50_000),
    choices=st.integers(1, 4),
    extra_output=st.integers(0, 500),
    loops=st.integers(1, 3),
    extra_input=st.integers(0, 9_000),
    prompts=st.integers(1, 3),
    remote_input=st.booleans(),
    terms=st.just(("batch",)),
    tools=st.booleans(),
)  # fmt: skip


def most_read(ask: Ask) -> int:
    """The most that one pass of the call can read: its text as bytes, or what is remote."""
    window = (price_of(ask.model).context_window or 1_000) * ask.prompts
    if ask.remote_input or any(m.bytes is None and m.kind != "image" for m in ask.media):
        return window
    return ask.text_bytes + ask.extra_input


@st.composite
def batches(draw):
    """Calls, and what each of them used within its terms."""
    calls = draw(st.lists(asks, min_size=1, max_size=6))
    used = []
    for ask in calls:
        read = draw(st.integers(0, most_read(ask))) * draw(st.integers(1, ask.loops))
        written = 0
        if ask.generates:
            limit = ask.output_limit
            if limit is None:
                limit = price_of(ask.model).max_output or 0
            written = draw(st.integers(0, limit * ask.choices + ask.extra_output))
        cached = draw(st.integers(0, read))
        fresh = draw(st.integers(0, read - cached))
        used.append(Usage(read, written, cache_read=cached, cache_write_5m=fresh))
    return calls, used


@given(batches())
def test_no_usage_of_a_batch_costs_more_than_its_hold(batch):
    """Line by line, whatever was cached, and however long the longest call was."""
    calls, used = batch
    held = lots_demand(summed(calls, family="openai"), price_of)
    # A call that loops was billed pass by pass: no pass is longer than the call.
    usd = sum(
        (cost_usd(usage, price_of(ask.model), (*ask.terms, *([SUMMED] if ask.loops > 1 else [])))
         for ask, usage in zip(calls, used, strict=True)),
        Decimal(0),
    )  # fmt: skip
    assert ceil_nanos(usd) <= held.ceiling_nanos()
    assert sum(each.input_tokens + each.output_tokens for each in used) <= held.ceiling_tokens()


@given(batches())
def test_sums_that_tell_a_bill_tell_the_bill_of_the_lines(batch):
    """Where a lot is plain, its tokens may be added up and priced at once."""
    calls, used = batch
    for ask, usage in zip(calls, used, strict=True):
        (lot,) = summed([ask], family="openai")
        if not lot.plain:
            continue
        lots = summed([ask, ask], family="openai")
        twice = Usage(
            2 * usage.input_tokens,
            2 * usage.output_tokens,
            cache_read=2 * usage.cache_read,
            cache_write_5m=2 * usage.cache_write_5m,
        )
        one = cost_usd(usage, price_of(ask.model), ask.terms)
        assert cost_usd(twice, price_of(ask.model), (*ask.terms, SUMMED)) == 2 * one
        assert lots[0].plain
        assert ceil_nanos(2 * one) <= lots_demand(lots, price_of).ceiling_nanos()


@pytest.mark.parametrize(
    "different",
    [
        {"fees": {"web_search": 1}},
        {"sound": True},
        {"other_models": ("gpt-image-1",)},
        {"remote_input": True},
        {"plain": False},
        {"text_bytes": 200_000},
    ],
    ids=str,
)
def test_sums_of_tokens_do_not_tell_every_bill(different):
    """Fees, sound, helpers, what only the provider has, a long context: the lines tell these."""
    ask = Ask(model="gpt-4o-mini", text_bytes=10, output_limit=5)
    assert summed([ask], family="openai")[0].plain
    assert not summed([replace(ask, **different)], family="openai")[0].plain


def test_calls_of_one_kind_are_one_lot():
    """By model and terms; limits and sizes are summed up."""
    first = Ask(model="a", text_bytes=100, output_limit=5, choices=2, tools=False)
    lots = summed([first, replace(first, output_limit=None), replace(first, model="b")], family="x")
    assert [(lot.model, lot.calls, lot.written, lot.endless) for lot in lots] == [
        ("a", 2, 10, 2),
        ("b", 1, 10, 0),
    ]
    assert lots[0].read == 2 * 164


def test_text_that_was_counted_is_the_closer_bound():
    """Never more than its bytes."""
    sums = Sums("openai")
    ask = Ask(model="gpt-4o-mini", text_bytes=1_000, output_limit=1, tools=False)
    sums.add(ask, counted=250)
    sums.add(ask, counted=9_999)
    (lot,) = sums.lots()
    assert (lot.read, lot.counted) == (2_064, 1_314)
    close, far = (lots_demand([lot], price_of, counted=flag) for flag in (True, False))
    assert close.fixed_nanos < far.fixed_nanos


def test_units_of_a_model_are_billed_where_it_has_a_price_for_them():
    """And not where its tokens are."""
    counted = {"audio_second": 3_600, "input_character": 5}
    whisper = Lot("whisper-1", calls=1, measures=counted)
    speech = Lot("gpt-4o-mini", calls=1, read=1_000, measures=counted)
    assert lots_demand([whisper], price_of).fixed_nanos == 360_000_000
    assert lots_demand([speech], price_of).fixed_nanos == 150_000


def test_too_many_kinds_of_calls_are_an_error():
    """The sums stay small, whatever a file has in it."""
    calls = [Ask(model=f"m{number}") for number in range(LOTS_MAX + 1)]
    assert len(summed(calls[:-1], family="x")) == LOTS_MAX
    with pytest.raises(FormatError, match="kinds of calls"):
        summed(calls, family="x")


def test_work_is_kept_as_it_is():
    """In JSON, without what is nothing."""
    lot = Lot("m", ("helper",), ("batch", "geo-eu"), plain=False, calls=3, read=10, longest=5,
              written=7, fees={"web_search": 2, "audio_second": Decimal("0.5")})  # fmt: skip
    for work in (Work("batch", (lot, Lot("n"))), Work("batch"), Work("", unreadable="no")):
        assert from_json(to_json(work)) == work
    for text in ('{"purpose": "batch"}', '{"purpose": "", "lots": [{"new": 1}], "unreadable": ""}'):
        with pytest.raises(FormatError, match="another version"):
            from_json(text)


def test_an_order_of_embeddings_is_sold_by_what_they_read():
    """Its model writes nothing, and has no price for that."""
    ask = Ask(model="text-embedding-3-small", text_bytes=100, generates=False, terms=("batch",))
    assert unsold(summed([ask], family="openai"), price_of) == ""
    writing = replace(ask, generates=True, output_limit=9)
    assert unsold(summed([writing], family="openai"), price_of) == "text-embedding-3-small"
