"""Numbers of things, as a person says them: `1 call`, `1,234 calls`."""


def several(number: int, one: str, many: str = "") -> str:
    """
    The number and what it counts, which may bring its verb along; `many` is `one` with an `s`.

    >>> several(1, "call"), several(0, "entry", "entries"), several(1_200, "call was", "calls were")
    ('1 call', '0 entries', '1,200 calls were')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
