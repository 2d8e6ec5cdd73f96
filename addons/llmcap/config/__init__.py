"""
Settings as typed, resolved into one checked `Policy`.

Every rule has one place: the tables of `settings`, `budgets` and `guards`, from which the checks
and the JSON schema for editors both follow. An error names file, line, key and value, says what was
expected, and nothing of a bad config is used. A file comes in and a policy goes out; it never asks
a ledger, and never guesses what was meant.
"""

from llmcap.config.accounts import book_of
from llmcap.config.readers import ATTRIBUTES, TRUSTABLE_HEADERS
from llmcap.config.settings import SETTINGS, load, resolve, watching, with_cap

__all__ = [
    "ATTRIBUTES", "SETTINGS", "TRUSTABLE_HEADERS", "book_of", "load", "resolve", "watching",
    "with_cap",
]  # fmt: skip
