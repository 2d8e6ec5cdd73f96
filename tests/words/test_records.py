"""The few things that records compute."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from llmcap.words.records import Demand


@given(
    fixed=st.integers(0, 10**12),
    per=st.decimals(0, 10**6, places=6),
    limit=st.integers(0, 10**6),
)
def test_a_ceiling_is_rounded_up(fixed, per, limit):
    """A part of a nano-dollar is held as a whole one."""
    ceiling = Demand(fixed, per, limit, free="a test").ceiling_nanos()
    assert fixed + limit * per <= ceiling < fixed + limit * per + 1


def test_a_lower_limit_lowers_the_ceiling():
    """What a clamp is for; the token ceiling counts every choice."""
    demand = Demand(100, Decimal("37.5"), 1000, fixed_tokens=10, per_output_tokens=2)
    assert demand.ceiling_nanos(3) == 213
    assert demand.ceiling_tokens() == 2010
    assert demand.ceiling_tokens(3) == 16
