"""
Every error that LLMCap raises on purpose.

    LLMCapError
    ├── ConfigError        an option, a config file or a command line that cannot be used
    ├── MoneyError         an amount that is not exact dollars
    │   └── NotMoneyError  text that is no amount at all
    ├── PriceError         the price book, or a price in the config
    ├── FormatError        traffic that is not what the provider's format allows
    ├── ReconcileError     what a provider billed, or another tool recorded, and cannot be read
    ├── NoBound            a call of which nothing says what it may cost at most
    └── LedgerError        spending that cannot be recorded
        ├── LedgerBusy     another process holds the write lock: the same step may work in a moment
        ├── HoldEnded      a hold that is ended a second time
        ├── Unfunded       money that the treasury has to be asked for: the same step may work then
        └── TreasuryError  the treasury of a fleet, or this node's place in it
            ├── TreasuryUnreachable  nothing can be said about what it did
            ├── NodeRuns   another proxy was this node a moment ago
            └── Fenced     this node may not go on

A message says what is wrong, which value it was, what was expected, and the next move.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime


class LLMCapError(Exception):
    """Base of all of them: `str()` of one is fit to be shown to a user."""


class ConfigError(LLMCapError):
    """An option, a config file or a command line that cannot be used."""


class MoneyError(LLMCapError):
    """An amount that is not exact dollars."""


class NotMoneyError(MoneyError):
    """Text that is no amount at all."""


class PriceError(LLMCapError):
    """The price book, or a price in the config, is wrong or missing."""


class FormatError(LLMCapError):
    """Traffic that is not what the provider's format allows, or is past a bound of ours."""


class ReconcileError(LLMCapError):
    """What a provider says that it billed, or what another tool recorded, cannot be read."""


class NoBound(LLMCapError):  # noqa: N818 - says what is missing, not what failed
    """Nothing says what a call may cost at most, and nothing known of its model stands in."""


class LedgerError(LLMCapError):
    """Spending that cannot be recorded: the call it belongs to must not be forwarded."""


class LedgerBusy(LedgerError):  # noqa: N818 - says what is, not what failed
    """Another process holds the write lock; nothing was written, the step may be tried again."""


class HoldEnded(LedgerError):  # noqa: N818 - likewise
    """The hold was already settled, assumed or released; nothing was written."""


class Unfunded(LedgerError):  # noqa: N818 - likewise
    """The treasury has to be asked before this step can be taken; nothing was written."""

    def __init__(self, message: str, fetch: Callable[[], Awaitable[None]]) -> None:
        super().__init__(message)
        self.fetch = fetch  # asks, and returns when the same step may be tried again


class TreasuryError(LedgerError):
    """The treasury of a fleet cannot be used as it is; trying again does not help by itself."""


class TreasuryUnreachable(TreasuryError):  # noqa: N818 - says what is, not what failed
    """It did not answer: whether the last step happened is not known."""


class Fenced(TreasuryError):  # noqa: N818 - likewise
    """Another proxy has taken this node's place, or the node was retired or is an old copy."""


class NodeRuns(TreasuryError):  # noqa: N818 - likewise
    """Another proxy was this node a moment ago: whether it has gone shows in some seconds."""

    def __init__(self, message: str, heard_at: datetime) -> None:
        super().__init__(message)
        self.heard_at = heard_at  # the treasury heard it last then
