"""
Money: integer nano-dollars, and the only doors in and out of them.

One nano-dollar is 10^-9 USD, so a signed 64-bit integer holds 9.2 billion dollars. Prices are exact
decimals; a cost is summed exactly and rounded once per call, up. No float touches money: amounts
come in as text, `int` or `Decimal`, and a `float` is refused with its reason.
"""

import re
from decimal import ROUND_CEILING, Context, Decimal, Inexact, InvalidOperation

from llmcap.words.counts import several
from llmcap.words.errors import MoneyError, NotMoneyError
from llmcap.words.records import CapUnit

NANOS_PER_USD = 1_000_000_000
NANOS_MAX = 2**63 - 1

# Prices have at most a dozen significant digits and counts fewer than fifteen, so 60 digits hold
# every product and sum of one call without rounding; the trap proves it.
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])

# A comma stands between thousands or nowhere: `5,00` is five dollars to whoever writes it.
WHOLE = r"(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)"
_AMOUNT = re.compile(rf"\$?\s*({WHOLE}(?:\.\d+)?|\.\d+)\s*(?:usd)?", re.IGNORECASE)


def parse_usd(text: str | int | Decimal) -> int:
    """
    Nano-dollars of an amount such as `5`, `"$5"`, `"0.05"` or `"1,000 USD"`.

    Raises `MoneyError` for anything else: a float, a sign, a decimal comma, more than nine
    decimals, too large.
    """
    if isinstance(text, str):
        match = _AMOUNT.fullmatch(text.strip())
        if match is None:
            raise NotMoneyError(
                f"{text!r} is not an amount in dollars: write it like 5, $5 or 0.25"
            )
        amount = Decimal(match[1].replace(",", "").replace("_", ""))
    elif isinstance(text, bool | float) or not isinstance(text, int | Decimal):
        raise MoneyError(
            f"{text!r} is a {type(text).__name__}: amounts are text, int or Decimal, never float"
        )
    else:
        amount = Decimal(text)
    if not amount.is_finite() or amount < 0:
        raise MoneyError(f"{text!r} is not an amount in dollars: it must be zero or more")
    try:
        nanos = EXACT.multiply(amount, Decimal(NANOS_PER_USD)).to_integral_exact(context=EXACT)
    except (Inexact, InvalidOperation):
        raise MoneyError(f"{text!r} is finer than a nano-dollar (nine decimals)") from None
    if nanos > NANOS_MAX:
        raise MoneyError(f"{text!r} is more than the ledger can hold ($9.2 billion)")
    return int(nanos)


def ceil_nanos(usd: Decimal) -> int:
    """The one rounding rule: an exact cost in dollars, rounded up to whole nano-dollars."""
    return int((usd * NANOS_PER_USD).to_integral_value(rounding=ROUND_CEILING))


def usd_string(nanos: int) -> str:
    """A decimal string without exponent or trailing zeros, for JSON and headers: `"0.0123"`."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def format_usd(nanos: int) -> str:
    """Dollars for people, with as many digits as matter: `$12.35`, `$0.0123`, `$0.00000012`."""
    sign = "-" if nanos < 0 else ""
    value = abs(nanos)
    for decimals in (2, 4, 6, 9):
        unit = 10 ** (9 - decimals)
        # Two significant digits are enough to read; fewer would show a small amount as zero.
        if value % unit == 0 or value >= 100 * unit:
            rounded = (value + unit // 2) // unit * unit
            whole, fraction = divmod(rounded, NANOS_PER_USD)
            return f"{sign}${whole}.{f'{fraction:09d}'[:decimals]}"
    raise AssertionError(f"nine decimals show every amount, not {nanos}")


def in_unit(value: int, unit: CapUnit) -> str:
    """An amount in the unit of a cap, for people: `$4.57`, `1,200 tokens`, `1 request`."""
    if unit is CapUnit.USD:
        return format_usd(value)
    return several(value, unit.removesuffix("s"), str(unit))
