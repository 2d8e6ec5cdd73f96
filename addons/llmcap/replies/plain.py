"""
What a final refusal may not say anywhere, and how the same is said without it.

Many programs know a passing failure by the text of an error, which is often the whole body: they
look for "rate limit", "quota", "overloaded" or "timeout", and for the digits of a status, which may
as well stand in an amount (`$0.00429`), a budget's name or an id. What they find makes them wait
and ask again, whatever the status. `PASSING` holds what they were seen to look for in November
2026: the retry rules of pi and of the programs that took them over, smolagents (`utils.py`),
litellm (`exception_mapping_utils.py`), Qwen Code, Cline, Mistral Vibe, opencode, and scripts that
test `"429" in str(error)`.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any

# Statuses that are retried, wherever their digits stand.
_DIGITS = r"408|425|429|500|502|503|504|520|522|524|529"

_WORDS = (
    r"rate.?limit|quota|overload|too.?many|throttl|exhaust|capacity|unavailable|temporar|transient|"
    r"try.{0,6}again|retry|retries|time.?out|timed.?out|deadline.?exceeded|limit.?(?:reached|exceed)|"
    r"(?:server|internal|network|connection|upstream|websocket|returned).?error|fetch.failed|"
    r"connection.?(?:refused|reset|lost|closed|abort)|socket.?(?:hang|connection|closed)|"
    r"upstream.?connect|reset.before|hang.?up|getaddrinfo|enotfound|eai_again|econn|etimedout|"
    r"other.side.closed|terminated|websocket.?closed|ended.without|abort|bad.gateway"
)

PASSING = re.compile(f"{_DIGITS}|{_WORDS}", re.IGNORECASE)

# What stands between the first character of such a place and the rest. A number that stands alone
# is still one to Python's `Decimal` and `int` with an underscore in it.
_DOT, _UNDERSCORE = "\N{MIDDLE DOT}", "_"

_ASKING = re.compile(r"\b(re)trying\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?<![\w.,])(\$)(\d+(?:\.\d+)?)|(?<![\w.,])(\d[\d,]*)(?= (?:tokens|requests|calls)\b)"
)
_NUMBER = re.compile(r"[\d_.,]+")
# An amount with more digits than this is not easier to read in thousands.
SHORT_DIGITS = 3
_SCALES = ((10**3, " thousand"), (10**6, " million"), (10**9, " billion"))
_EXACT = Context(prec=60)


def plain(text: str) -> str:
    """
    A sentence of ours that nobody takes for a passing failure, with all that it said.

    Amounts are given in other digits, rounded up where it must be; what is left, in names, is
    broken by a dot.
    """
    text = _ASKING.sub(lambda found: "Asking again" if found[0][0] == "R" else "asking again", text)
    return broken(_AMOUNT.sub(_other_digits, text))


def plain_document(document: Any) -> Any:
    """
    The same of all strings and numbers in a JSON document; its keys are ours.

    The status as a number (`code: 402`) stays one, and so does every number that says nothing.
    """
    if isinstance(document, Mapping):
        return {name: plain_document(value) for name, value in document.items()}
    if isinstance(document, list):
        return [plain_document(value) for value in document]
    if isinstance(document, str):
        return broken(document)
    if isinstance(document, int) and PASSING.search(str(document)):
        return broken(str(document))
    return document


def broken(text: str) -> str:
    """The text with a dot in each place that somebody could look for."""
    mark = _UNDERSCORE if _NUMBER.fullmatch(text) else _DOT
    while PASSING.search(text):
        text = mark.join(_parts(text))
    return text


def _parts(text: str) -> Iterator[str]:
    """The text, cut behind the first character of each such place."""
    begun = 0
    while found := PASSING.search(text, begun):
        cut = found.start() + 1
        yield text[begun:cut]
        begun = cut
    yield text[begun:]


def _other_digits(found: re.Match[str]) -> str:
    """An amount without a status among its digits: in thousands, or rounded up."""
    sign, digits = found[1] or "", found[2] or found[3]
    if not PASSING.search(digits):
        return found[0]
    value = Decimal(digits.replace(",", ""))
    for scale, name in _SCALES:
        scaled = (value / scale).normalize(_EXACT)
        if value * 2 >= scale and len(scaled.as_tuple().digits) <= SHORT_DIGITS:
            shown = f"{sign}{scaled:f}{name}"
            if not PASSING.search(shown):
                return shown
    for precision in range(len(value.as_tuple().digits) - 1, 0, -1):
        rounded = Context(prec=precision, rounding=ROUND_CEILING).plus(value)
        shown = f"{rounded:,f}" if "," in digits else f"{rounded:f}"
        if not PASSING.search(shown):
            return f"about {sign}{shown}"
    return found[0]
