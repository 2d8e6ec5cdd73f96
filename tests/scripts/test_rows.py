"""A table that is one test is tried whole, and says which of its rows fail."""

import inspect

import pytest
from rows import each_row


def test_every_row_is_tried_and_those_that_fail_are_named():
    """By their ids, each with its own error."""
    tried = []

    @each_row("number other", [(1, "a"), (2, "b"), (3, "c")], ids=lambda row: row[1])
    def check(number, other, fixture):
        """What is checked."""
        tried.append((number, other, fixture))
        assert number == 2

    with pytest.raises(ExceptionGroup, match=r"2 of 3 rows: a, c") as raised:
        check(fixture="from pytest")
    assert tried == [(1, "a", "from pytest"), (2, "b", "from pytest"), (3, "c", "from pytest")]
    assert [error.__notes__ for error in raised.value.exceptions] == [
        ["The row: a"],
        ["The row: c"],
    ]
    assert (check.__name__, check.__doc__) == ("check", "What is checked.")
    assert list(inspect.signature(check).parameters) == ["fixture"]


def tried_with(seen):
    """A check that notes the values that it gets."""

    def check(value):
        seen.append(value)

    return check


def test_a_table_whose_rows_all_hold_passes():
    """With one name, a row is its value."""
    tried = []
    each_row("value", [(1, 2), (3,)])(tried_with(tried))()
    assert tried == [(1, 2), (3,)]


def test_a_table_that_checks_nothing_is_none():
    """No rows, or rows for arguments that the test does not have."""
    with pytest.raises(AssertionError, match="checks nothing"):
        each_row("value", [])
    with pytest.raises(AssertionError, match="does not take other"):
        each_row("other", [1])(tried_with([]))
