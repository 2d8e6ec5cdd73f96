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
        └── HoldEnded      a hold that is ended a second time

A message says what is wrong, which value it was, what was expected, and the next move.
"""


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
