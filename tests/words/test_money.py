"""Money is whole nano-dollars, exactly, through every door."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.words.errors import MoneyError
from llmcap.words.money import NANOS_MAX, ceil_nanos, format_usd, parse_usd, usd_string


@pytest.mark.parametrize(
    ("amount", "nanos"),
    [
        ("5", 5_000_000_000),
        ("$5", 5_000_000_000),
        (" $ 0.05 ", 50_000_000),
        ("1,000.25 USD", 1_000_250_000_000),
        ("1,000,000", 1_000_000_000_000_000),
        ("1_000", 1_000_000_000_000),
        (".5", 500_000_000),
        ("0.000000001", 1),
        (0, 0),
        (7, 7_000_000_000),
        (Decimal("1.5"), 1_500_000_000),
    ],
)
def test_an_amount_is_read_exactly(amount, nanos):
    """Text, int and Decimal mean what they say."""
    assert parse_usd(amount) == nanos


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        (1.5, "never float"),
        (True, "never float"),
        ("banana", "not an amount"),
        ("-1", "not an amount"),
        ("", "not an amount"),
        ("1e3", "not an amount"),
        ("5,00", "not an amount"),  # five dollars, to whoever writes it
        ("1,5", "not an amount"),
        ("1,00,000", "not an amount"),
        (-1, "zero or more"),
        (Decimal("NaN"), "zero or more"),
        ("0.0000000001", "finer than a nano-dollar"),
        ("10000000000", "more than the ledger can hold"),
    ],
    ids=repr,
)
def test_what_is_no_amount_is_refused_with_its_reason(amount, why):
    """The message says what would have been one."""
    with pytest.raises(MoneyError, match=why):
        parse_usd(amount)


@given(st.integers(0, NANOS_MAX))
def test_what_is_written_is_read_back(nanos):
    """`usd_string` loses nothing."""
    assert parse_usd(usd_string(nanos)) == nanos


@given(st.decimals(0, 1000, places=15))
def test_a_cost_is_rounded_up_and_by_less_than_one_nano(usd):
    """The one rounding rule."""
    nanos = ceil_nanos(usd)
    assert usd * 10**9 <= nanos < usd * 10**9 + 1


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "$0.00"),
        (5_000_000_000, "$5.00"),
        (12_345_678_901, "$12.35"),
        (12_300_000, "$0.0123"),
        (123_456, "$0.000123"),
        (1, "$0.000000001"),
        (-12_300_000, "-$0.0123"),
    ],
)
def test_people_see_as_many_digits_as_matter(nanos, text):
    """A small amount is never shown as zero."""
    assert format_usd(nanos) == text


def test_strings_have_no_exponent_and_no_needless_zeros():
    """They go into headers and JSON."""
    assert usd_string(1) == "0.000000001"
    assert usd_string(-1_500_000_000) == "-1.5"
    assert usd_string(3_000_000_000) == "3"
