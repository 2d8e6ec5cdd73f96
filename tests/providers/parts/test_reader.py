"""Promise: a value of the wrong type counts as nothing, whatever it is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.providers.parts.reader import (
    BaseReader,
    amount,
    count,
    limit_in,
    models_in,
    utf8_bytes,
)
from llmcap.providers.parts.shape import Ask
from llmcap.words.records import Charge, Usage

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.integers()),
)


@given(ANYTHING)
def test_a_count_is_never_negative_nor_huge(value):
    """What would not fit a ledger is no count."""
    assert 0 <= count(value) <= 10**12
    assert 0 <= (limit_in(value) or 0) <= 10**12


@pytest.mark.parametrize("told", [1_000, 1_000.0, 999.2, "1000", "1e3", " 1000 "])
def test_a_count_is_the_same_however_it_is_written(told):
    """As JSON of protocol buffers writes it, too; and a part of a token is a token."""
    assert count(told) == 1_000


@given(ANYTHING)
def test_an_amount_is_exact_or_none(value):
    """Never infinite, never negative."""
    found = amount(value)
    assert found is None or (found.is_finite() and found >= 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.10", Decimal("0.10")), (0.1, Decimal("0.1")), ("x", None), (True, None)],
)
def test_an_amount_is_what_was_written(value, expected):
    """A float is taken by its shortest text, not by its binary value."""
    assert amount(value) == expected


def test_visible_bytes_are_utf8():
    """Half of a surrogate pair is no exception."""
    assert [utf8_bytes(text) for text in ("a", "é", "\ud800", None, 5)] == [1, 2, 3, 0, 0]


def test_charges_are_replaced_only_when_they_differ():
    """Who looks often compares by identity."""
    reader = BaseReader(Ask(model="m"))
    reader.charge(Usage(input_tokens=1))
    first = reader.reading().charges
    reader.charge(Usage(input_tokens=1))
    assert reader.reading().charges is first
    reader.charge(Usage(input_tokens=2))
    assert reader.reading().charges == (Charge("m", Usage(input_tokens=2)),)


def test_a_usage_of_zeros_replaces_none():
    """Some vendors end a stream with one, after they have told the counts."""
    reader = BaseReader(Ask(model="m"))
    reader.charge(Usage(input_tokens=5, output_tokens=2))
    reader.charge(Usage())
    assert reader.reading().charges == (Charge("m", Usage(input_tokens=5, output_tokens=2)),)


def test_an_error_is_its_code_never_its_message():
    """A message may quote the prompt."""
    reader = BaseReader(Ask(model="m"))
    for error, expected in (
        ({"code": "x", "message": "secret"}, "x"),
        ({"message": "secret"}, "error"),
        ({"code": None, "type": "t"}, "t"),
        ("plain", "plain"),
        (7, "error"),
        ({"status": 429}, "429"),
    ):
        reader.fail(error)
        assert reader.error == expected


@pytest.mark.parametrize(
    "value",
    [
        ["a", "b"],
        [{"model": "a"}, {"model": "b", "max_tokens": 5}],
        ["a", {"id": "b"}],
        {"first": "a", "then": ["b"]},
        [["a"], [{"model": ["b"]}]],
    ],
)
def test_models_are_found_in_a_field_however_it_names_them(value):
    """What a vendor makes of a shape that its document does not have, nobody knows."""
    assert models_in(value) == ["a", "b"]


@pytest.mark.parametrize("value", [None, "", [], {}, 3, [None, 4], True])
def test_no_model_is_found_where_none_is_named(value):
    """A number is no name."""
    assert models_in(value) == []
