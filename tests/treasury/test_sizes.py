"""How much is asked for, granted and given back."""

from hypothesis import given
from hypothesis import strategies as st

from llmcap.treasury.sizes import Use, given_back, grant, more_wanted

AMOUNTS = st.integers(0, 10**15)
USES = st.builds(Use, AMOUNTS, AMOUNTS, AMOUNTS)


@given(least=AMOUNTS, more=AMOUNTS, rest=AMOUNTS, nodes=st.integers(0, 100))
def test_a_grant_is_between_least_and_wanted_and_within_what_is_there(least, more, rest, nodes):
    """And leaves most of the rest to the others."""
    free = least + rest
    found = grant(least=least, wanted=least + more, free=free, nodes=nodes)
    assert least <= found <= min(least + more, free)
    assert (found - least) * 4 * max(nodes, 1) <= rest


def test_grants_shrink_as_the_budget_empties_until_each_call_asks():
    """Eight nodes that want all of it: at the end a call gets what it needs and no more."""
    free, sizes = 1_000_000, []
    while free >= 10:
        got = grant(least=10, wanted=10**9, free=free, nodes=8)
        sizes.append(got)
        free -= got
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 30_000
    assert sizes[-1] == 10


@given(use=USES, at_hand=AMOUNTS)
def test_what_was_asked_for_is_not_given_back_at_once(use, at_hand):
    """There is room between too little and too much."""
    more = more_wanted(use, at_hand=at_hand)
    assert given_back(use, at_hand=at_hand + more, wanted=False, over=False) == 0 or more == 0
    back = given_back(use, at_hand=at_hand, wanted=False, over=False)
    assert more_wanted(use, at_hand=at_hand - back) == 0 or back == 0


@given(at_hand=AMOUNTS, use=USES)
def test_all_goes_back_where_others_are_short_or_the_window_is_over(at_hand, use):
    """However much the node spends: its next call asks again."""
    assert given_back(use, at_hand=at_hand, wanted=True, over=False) == at_hand
    assert given_back(use, at_hand=at_hand, wanted=False, over=True) == at_hand
    assert given_back(Use(0, 0, 0), at_hand=at_hand, wanted=False, over=False) == at_hand


def test_an_overrun_gives_nothing_back():
    """There is less than nothing at hand."""
    assert given_back(Use(0, 0, 0), at_hand=-5, wanted=True, over=True) == 0
