"""One tree, so that one `except` catches what we raise on purpose."""

import inspect

import pytest

from llmcap.words import errors


def _is_ours(found: object) -> bool:
    return inspect.isclass(found) and found.__module__ == errors.__name__


@pytest.mark.parametrize(
    "error", [each for _, each in inspect.getmembers(errors, _is_ours)], ids=str
)
def test_every_error_is_in_the_tree_and_in_its_drawing(error):
    """The docstring that draws the tree cannot drift from it."""
    assert issubclass(error, errors.LLMCapError)
    assert error.__name__ in errors.__doc__


def test_a_busy_ledger_is_a_ledger_error_that_can_be_told_apart():
    """Busy may be tried again; another ledger error may not."""
    assert issubclass(errors.LedgerBusy, errors.LedgerError)
    assert not issubclass(errors.HoldEnded, errors.LedgerBusy)
