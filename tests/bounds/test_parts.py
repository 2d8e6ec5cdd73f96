"""Every part of a demand is bounded, or stood in for by the most there is; and none is nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.bounds.added import OTHERS, added
from llmcap.bounds.estimate import demand, sold
from llmcap.bounds.lots import lots_demand, summed
from llmcap.bounds.parts import most_read
from llmcap.pricing import PriceBook
from llmcap.pricing.terms import SUMMED
from llmcap.providers.parts.shape import Ask, Media
from llmcap.words.errors import NoBound
from llmcap.words.records import Bounded, Demand, Policy, Price, Tier, Unbounded, Variant

NOW = datetime(2026, 11, 30, tzinfo=UTC)
POLICY = Policy()

RATES = st.fixed_dictionaries(
    {
        "input": st.decimals("0.01", 50, places=2),
        "output": st.decimals("0.01", 200, places=2),
        "web_search": st.just(Decimal(10)),
        "audio_second": st.just(Decimal("0.36")),
        "cache_storage": st.just(Decimal(1)),
    },
    optional={
        "cache_write": st.decimals("0.01", 60, places=2),
        "input_audio": st.decimals("0.01", 100, places=2),
        "output_audio": st.decimals("0.01", 300, places=2),
    },
)
VARIANTS = st.dictionaries(
    st.sampled_from(("priority", "batch", "geo-us")),
    st.builds(Variant, factor=st.decimals("0.5", 3, places=1)),
)
PRICES = st.builds(
    Price,
    provider=st.just("openai"),
    model=st.just("m"),
    rates=RATES.map(MappingProxyType),
    tiers=st.just(()) | st.just((Tier(200_000, MappingProxyType({"input": Decimal(99)})),)),
    variants=VARIANTS.map(MappingProxyType),
    max_output=st.integers(1, 200_000),
    context_window=st.integers(1_000, 2_000_000),
)
ASKS = st.builds(
    Ask,
    model=st.just("m"),
    text_bytes=st.integers(1, 3_000_000),
    generates=st.booleans(),
    output_limit=st.none() | st.integers(1, 100_000),
    choices=st.integers(1, 8),
    loops=st.integers(1, 11),
    prompts=st.integers(1, 64),
    extra_input=st.integers(0, 200_000),
    extra_output=st.integers(0, 10_000),
    sound=st.booleans(),
    kept_seconds=st.sampled_from((Decimal(0), Decimal(300))),
    terms=st.sampled_from(((), ("priority",), ("geo-us",))),
    fees=st.sampled_from(({}, {"web_search": 3})),
    media=st.sampled_from(((), (Media("image", 1_000),), (Media("file", None),))),
    unread_times=st.integers(1, 3),
)


def ceiling(ask: Ask, price: Price, **seen) -> int:
    """The most that a call may cost."""
    return demand(ask, [price], POLICY, family="openai", **seen).ceiling_nanos()


@given(ASKS, PRICES)
def test_a_demand_is_the_sum_of_its_parts_and_never_nothing(ask, price):
    """Each part says who bounds it, or why nobody does and what stands in."""
    wanted = demand(ask, [price], POLICY, family="openai")
    assert wanted.ceiling_nanos() > 0
    assert abs(wanted.ceiling_nanos() - sum(part.nanos for part in wanted.parts)) < 2
    for part in wanted.parts:
        assert part.by
        assert part.what
        assert part.bound == (
            Unbounded(part.unbounded) if part.unbounded else Bounded(part.most, part.by)
        )


MORE = {
    "text": lambda ask: replace(ask, text_bytes=ask.text_bytes + 1_000),
    "choices": lambda ask: replace(ask, choices=ask.choices + 1),
    "loops": lambda ask: replace(ask, loops=ask.loops + 1),
    "prompts": lambda ask: replace(ask, prompts=ask.prompts + 1),
    "results": lambda ask: replace(ask, extra_input=ask.extra_input + 5_000),
    "output beside": lambda ask: replace(ask, extra_output=ask.extra_output + 10),
    "sound": lambda ask: replace(ask, sound=True),
    "a picture": lambda ask: replace(ask, media=(*ask.media, Media("image", 10))),
    "a search": lambda ask: replace(ask, fees={"web_search": 9}),
    "kept longer": lambda ask: replace(ask, kept_seconds=ask.kept_seconds + 60),
    "a higher limit": lambda ask: replace(
        ask, output_limit=None if ask.output_limit is None else ask.output_limit + 100
    ),
    "tools": lambda ask: replace(ask, tools=True),
    "an unread count": lambda ask: replace(ask, unread_times=ask.unread_times + 1),
}


@given(st.sampled_from(sorted(MORE)), ASKS, PRICES)
def test_more_of_anything_never_costs_less(more, ask, price):
    """Monotone in every part."""
    assert ceiling(MORE[more](ask), price) >= ceiling(ask, price)


UNBOUNDED = {
    "an unread field": lambda ask: replace(ask, unread=("speed",)),
    "a template": lambda ask: replace(ask, remote=("a template",)),
    "a conversation": lambda ask: replace(ask, remote_input=True, previous_id="r"),
    "a file elsewhere": lambda ask: replace(ask, media=(*ask.media, Media("file", None))),
}


@given(st.sampled_from(sorted(UNBOUNDED)), ASKS, PRICES)
def test_what_nobody_bounds_costs_no_less_than_any_bound(open_ended, ask, price):
    """Whatever the input may be bounded by, without that it is the whole window."""
    assert ceiling(UNBOUNDED[open_ended](ask), price) >= ceiling(ask, price)


@given(ASKS, PRICES)
def test_no_limit_costs_no_less_than_any_limit_that_the_model_takes(ask, price):
    """An answer without a limit is as long as the model can make it."""
    limit = min(ask.output_limit or 1, price.max_output)
    endless = ceiling(replace(ask, output_limit=None), price)
    assert endless >= ceiling(replace(ask, output_limit=limit), price)


@given(ASKS, PRICES, st.integers(0, 5_000))
def test_a_known_past_does_not_bound_an_unknown_template(ask, price, known):
    """Unknown inputs add up: any one of them is a window."""
    both = replace(ask, remote_input=True, previous_id="r", remote=("a template",))
    template = replace(ask, remote=("a template",))
    assert ceiling(both, price, known_input=known) == ceiling(template, price)


@given(st.lists(ASKS, min_size=1, max_size=3), PRICES)
def test_many_calls_together_are_held_like_each_alone(asks, price):
    """A batch of calls is bounded by no less than its calls."""
    asks = [replace(each, media=(), kept_seconds=Decimal(0)) for each in asks]
    together = lots_demand(summed(asks, family="openai"), lambda _: price)
    alone = sum(ceiling(each, price) for each in asks)
    assert together.ceiling_nanos() >= alone - len(asks)  # each of them is rounded up


# --- what stands in -------------------------------------------------------------------------

FEW = MappingProxyType({"input": Decimal(1), "output": Decimal(2)})


def priced(**fields) -> Price:
    """A price of which little is known."""
    return Price("acme", "m", FEW, **fields)


def test_what_is_not_known_of_a_model_is_the_largest_of_its_vendors():
    """And the part says so."""
    price = priced(vendor_window=500_000, vendor_output=50_000)
    wanted = demand(Ask("m", remote=("a template",)), [price], POLICY, family="acme")
    read, written = wanted.parts
    assert (read.most, written.most) == (500_000, 50_000)
    assert read.unbounded == "nobody has seen a template"
    assert "vendor" in read.by
    assert "vendor" in written.by


def test_what_other_sellers_list_of_the_same_model_comes_before_its_vendors_largest():
    """The part says whose limit that is."""
    price = priced(
        model_window=90_000, model_output=7_000, vendor_window=500_000, vendor_output=50_000
    )
    wanted = demand(Ask("m", remote=("a template",)), [price], POLICY, family="acme")
    read, written = wanted.parts
    assert (read.most, written.most) == (90_000, 7_000)
    assert "other sellers" in read.by
    assert "other sellers" in written.by


def test_who_is_known_least_of_several_models_bounds_them():
    """One with limits of its own beside one of which only its vendor's largest is known."""
    known, unknown = priced(max_output=9_000), priced(vendor_output=50_000)
    ask = Ask("m", other_models=("n",), instead=("n",))
    wanted = demand(ask, [known, unknown], POLICY, family="acme")
    assert wanted.output_limit == 50_000
    assert "vendor" in wanted.parts[-1].by


def test_a_window_where_dearer_rates_begin_bounds_only_calls_that_say_so():
    """Calls that read more are sold too: a beta that nobody asked for is all that keeps from it."""
    price = replace(priced(context_window=200, model_window=1_000), tiers=(Tier(200, FEW),))
    for terms, most in (((), 1_000), ((SUMMED,), 200)):
        for ask in (Ask("m", remote=("a file",), terms=terms), Ask("m", text_bytes=600)):
            read = demand(replace(ask, terms=terms), [price], POLICY, family="acme").parts
            assert read[0].most == (most if ask.remote else min(most, 600))


def test_no_model_of_the_book_is_held_for_less_than_its_price_is_for():
    """A row that has rates for calls above a window can hold one."""
    book = PriceBook()
    named = [(seller, model) for seller in book.providers() for model in book.models(seller)]
    steps = [
        price
        for name in named
        if (price := book.find(*name, NOW)) and price.context_window != price.reads_most
    ]
    assert steps
    for price in steps:
        read, _ = most_read([price], "a file", ())
        assert read > max(tier.above for tier in price.tiers), (price.provider, price.model)


def test_an_answer_fits_into_the_window():
    """Where that is all that is known of a model."""
    price = priced(context_window=8_000)
    wanted = demand(Ask("m", text_bytes=10), [price], POLICY, family="acme")
    assert wanted.output_limit == 8_000
    assert wanted.parts[-1].unbounded == "the request sets no limit to its output"


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (Ask("m", text_bytes=10), "max_output: ..."),
        (Ask("m", output_limit=5, unread=("speed",)), "context_window: ..."),
        (Ask("m", output_limit=5, remote_input=True), "context_window: ..."),
    ],
    ids=["no limit", "an unread field", "a conversation"],
)
def test_without_anything_to_stand_in_the_reason_names_the_line_that_allows_it(ask, line):
    """Refused, and the next move is in the words."""
    with pytest.raises(NoBound) as refused:
        demand(ask, [priced()], POLICY, family="acme")
    assert f"prices: {{acme/m: {{{line}}}}}" in str(refused.value)


# --- nothing --------------------------------------------------------------------------------


def test_a_demand_of_nothing_cannot_be_made():
    """It would fit a full budget, for ever."""
    with pytest.raises(NoBound):
        Demand(0, Decimal(0), 1_000)
    with pytest.raises(NoBound):
        Demand(0, Decimal(5), 0)


@pytest.mark.parametrize(
    "ask",
    [Ask("m"), Ask("m", generates=False), Ask("m", measures={"page": 0}, generates=False)],
    ids=["no bytes", "nothing to write", "no pages"],
)
def test_a_price_without_anything_to_count_is_no_free_call(ask):
    """What a model is billed by must be in the demand, or the call does not go."""
    price = Price("acme", "m", MappingProxyType({"page": Decimal(2), "web_search": Decimal(1)}))
    counted = sold(ask, price)
    if counted is not None:
        with pytest.raises(NoBound, match="acme/m is billed by page"):
            demand(counted, [price], POLICY, family="acme")


def test_what_is_free_is_an_entry_that_says_so():
    """An explicit price of zero, for what the model reads and writes."""
    nothing = MappingProxyType({"input": Decimal(0), "output": Decimal(0)})
    price = Price("local", "*", nothing, source="own hardware")
    wanted = demand(Ask("llama", text_bytes=10), [price], POLICY, family="local")
    assert (wanted.ceiling_nanos(), wanted.free) == (0, "local/* costs 0: own hardware")
    with pytest.raises(NoBound):
        demand(Ask("m"), [Price("acme", "m", MappingProxyType({}))], POLICY, family="acme")


def test_a_free_entry_with_a_dearer_term_is_not_free():
    """A tier or a term of it may cost something."""
    nothing = MappingProxyType({"input": Decimal(0), "output": Decimal(0)})
    price = Price("a", "m", nothing, tiers=(Tier(10, FEW),), context_window=9, max_output=9)
    with pytest.raises(NoBound):
        demand(Ask("m", text_bytes=5), [price], POLICY, family="a")


# --- lists and vendors ----------------------------------------------------------------------


def test_of_models_that_may_serve_instead_the_dearest_is_held():
    """A list of fallbacks is served by one of them, and nobody knows which."""
    cheap = replace(priced(), model="cheap", context_window=1_000, max_output=100)
    dear = Price("acme", "dear", MappingProxyType({name: rate * 9 for name, rate in FEW.items()}),
                 context_window=9_000, max_output=900)  # fmt: skip
    ask = Ask("cheap", text_bytes=10, other_models=("dear",), instead=("dear",))
    both = demand(ask, [cheap, dear], POLICY, family="acme")
    alone = demand(Ask("dear", text_bytes=10), [dear], POLICY, family="acme")
    assert both.ceiling_nanos() == alone.ceiling_nanos()


@pytest.mark.parametrize(
    ("seller", "model", "least"),
    [
        ("xai", "grok-4", 680),
        ("openrouter", "x-ai/grok-4-fast", 680),
        ("azure-ai", "grok-4-1-fast-reasoning", 680),
        ("anthropic", "claude-opus-4-7", 0),
        ("acme", "progrokker", 0),
    ],
)
def test_what_a_vendor_adds_follows_the_model(seller, model, least):
    """Wherever it is sold; and every row says where it is from."""
    row = added(seller, model)
    assert row.plain >= least
    assert row.tools >= 804
    assert row.source
    assert least or row.plain == OTHERS.plain
