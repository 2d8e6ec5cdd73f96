"""
Names that others chose, as they stand in our sentences: long enough to know them, and no longer.

A model, a path or a tag of a request may have as many characters as a request. Whoever reads a
refusal or a log needs its beginning, and everything that is done with a sentence (looked through,
written, sent on) costs by its length.
"""

import re

NAME_CHARS_MAX = 200
SENTENCES_CHARS_MAX = 4_000

_LONG = re.compile(rf"\S{{{NAME_CHARS_MAX + 1},}}")


def shortened(name: str) -> str:
    """A name with its beginning, and how long it was where that is not all of it."""
    if len(name) <= NAME_CHARS_MAX:
        return name
    return f"{name[:NAME_CHARS_MAX]}... ({len(name)} characters)"


def in_one_sentence(message: str) -> str:
    """A message of ours with its hint behind it, for where there is no second line."""
    return message.replace("\nhint: ", "; ")


def readable(sentences: str) -> str:
    """What we tell, with each long name in it shortened, and whatever else goes on and on."""
    if len(sentences) <= NAME_CHARS_MAX:
        return sentences
    told = _LONG.sub(lambda found: shortened(found[0]), sentences)
    if len(told) <= SENTENCES_CHARS_MAX:
        return told
    half = SENTENCES_CHARS_MAX // 2
    return f"{told[:half]} ... {told[-half:]}"
