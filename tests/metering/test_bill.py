"""What a reading costs."""

from decimal import Decimal

import pytest
from walk import walk

from llmcap.metering.bill import bill_of, cannot_be, cost_of, total
from llmcap.providers import provider_of
from llmcap.words.errors import PriceError
from llmcap.words.records import Call, Charge, Hold, Reading, Usage

OPENAI = provider_of("api.openai.com")
USAGE = Usage(input_tokens=1000, output_tokens=100)


def cost(reading: Reading, model: str = "gpt-4o-mini"):
    """Nano-dollars and notes of a reading of a call that asked for the model."""
    there = walk()
    call = Call("id", there.clock(), "openai", "chat completions", model)
    return cost_of(there.firewall.shared.price_of, OPENAI, reading, call)


def test_the_providers_own_bill_wins():
    """Usage is only how we would have computed it."""
    reading = Reading(charges=(Charge("gpt-4o-mini", USAGE),), billed_usd=Decimal("0.0123"))
    assert cost(reading) == (12_300_000, [])


def test_what_was_served_is_billed_not_what_was_asked():
    """gpt-4o is dearer than the mini that was asked for."""
    reading = Reading(charges=(Charge("gpt-4o-2024-08-06", USAGE),))
    assert cost(reading) == (1000 * 2500 + 100 * 10_000, [])


def test_a_served_model_without_a_price_is_billed_as_the_asked_one_and_said_so():
    """The asked model had a price, or the call would not have been sent."""
    nanos, notes = cost(Reading(charges=(Charge("mystery", USAGE),)))
    assert nanos == 1000 * 150 + 100 * 600
    assert notes == ["served by mystery, which has no price: billed as gpt-4o-mini"]


def test_no_price_at_all_is_an_error_never_zero():
    """An unknown model is never free."""
    with pytest.raises(PriceError, match="mystery"):
        cost(Reading(charges=(Charge("mystery", USAGE),)), model="unknown")


def test_a_unit_that_nobody_prices_costs_all_that_was_held():
    """What an answer tells and no price has is never nothing, and it is said."""
    there = walk()
    call = Call("id", there.clock(), "openai", "chat completions", "gpt-4o-mini")
    hold = Hold(1, call, 5_000_000, 0, (), ())
    price_of = there.firewall.shared.price_of
    told = Reading(charges=(Charge("gpt-4o-mini", Usage(10, 10, extras={"page": 3})),))
    bill = bill_of(price_of, OPENAI, told, hold)
    assert (bill.nanos, bill.known) == (5_000_000, False)
    assert "page" in bill.notes[0]
    plain = bill_of(price_of, OPENAI, Reading(charges=(Charge("gpt-4o-mini", USAGE),)), hold)
    assert plain == (1000 * 150 + 100 * 600, [], True)


def test_several_charges_are_added_before_they_are_rounded():
    """Once per call, up."""
    one = Usage(input_tokens=1, cache_read=1)  # 75 nano-dollars
    reading = Reading(charges=(Charge("gpt-4o-mini", one), Charge("gpt-4o-mini", one)))
    assert cost(reading)[0] == 150


def test_the_total_counts_every_unit_of_every_charge():
    """The ledger shows one usage for a call with helpers."""
    first = Usage(input_tokens=1, output_tokens=2, extras={"web_search": 1})
    second = Usage(input_tokens=10, reasoning=3, extras={"web_search": 2, "page": 1})
    whole = total((Charge("a", first), Charge("b", second)))
    assert (whole.input_tokens, whole.output_tokens, whole.reasoning) == (11, 2, 3)
    assert whole.extras == {"web_search": 3, "page": 1}


def told(usage: Usage, *, seen: int = 12_800, **more) -> Reading:
    """An answer of so many bytes of text that told this."""
    return Reading(charges=(Charge("m", usage),), complete=True, visible_bytes=seen, **more)


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(Usage(), id="nothing"),
        pytest.param(Usage(output_tokens=300), id="nothing was read"),
        pytest.param(Usage(input_tokens=10), id="nothing was written"),
        pytest.param(Usage(input_tokens=10, output_tokens=99), id="less than the text can have"),
    ],
)
def test_a_usage_that_cannot_be_true_is_known(usage):
    """A model has read its prompt, and no token is longer than 128 spaces."""
    assert cannot_be(told(usage))


def test_a_word_is_a_token_at_least():
    """A usage that tells what was read, and nothing of what was written."""
    assert cannot_be(told(Usage(input_tokens=10), seen=1))
    assert not cannot_be(told(Usage(input_tokens=10, output_tokens=1), seen=1))


@pytest.mark.parametrize(
    "reading",
    [
        pytest.param(told(Usage(input_tokens=1, output_tokens=100)), id="long tokens"),
        pytest.param(told(Usage(input_tokens=10), seen=0), id="nothing was shown"),
        pytest.param(told(Usage(), billed_usd=Decimal("0.1")), id="a bill of the provider's"),
        pytest.param(told(Usage(input_tokens=9, output_tokens=9, output_audio=9)), id="sound"),
        pytest.param(told(Usage(input_tokens=9, output_tokens=9, output_image=9)), id="a picture"),
        pytest.param(told(Usage(extras={"audio_second": 3})), id="another unit"),
    ],
)
def test_a_usage_that_may_be_true_is_believed(reading):
    """Sound and pictures have more bytes than tokens."""
    assert not cannot_be(reading)
