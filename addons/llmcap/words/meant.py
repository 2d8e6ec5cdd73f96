"""What somebody may have meant who typed a name that there is not."""

from collections.abc import Iterable


def meant(typed: object, known: Iterable[str]) -> str:
    """`is it every? `, to be followed by what there is; nothing where no name is near."""
    # Every command would wait for it, and most names are right.
    from difflib import get_close_matches  # noqa: PLC0415

    near = get_close_matches(str(typed).lower(), list(known), n=3)
    return f"is it {' or '.join(near)}? " if near else ""
