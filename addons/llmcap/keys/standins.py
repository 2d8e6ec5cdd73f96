"""
Stand-ins: keys that look like the real one, and open nothing.

Made from the real key itself, so that they are well-formed for any vendor's package: the same
length, the same beginning as far as that says whose key it is, and for every letter and digit
another of its kind.
"""

import re
import secrets
import string

from llmcap.words.errors import ConfigError

# Below this a "key" is a word that local servers ask for, and may stand anywhere by chance.
CHARACTERS_MIN = 16

_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)

# `sk-ant-api03-`, `sk-proj-`, `gsk_`, `hf_`, `xai-`; Google's, and Bedrock's bearer keys.
_BEGINNING = re.compile(r"([a-z]{1,8}\d{0,2}[-_]){1,3}|AIza|ABSK|r8_")


def stand_in_for(real: str, *, named: str) -> str:
    """A stand-in, a new one each time. Raises `ConfigError`, which says whose key (`named`)."""
    if len(real) < CHARACTERS_MIN or not real.isascii() or not real.isprintable() or " " in real:
        raise ConfigError(
            f"keys: {named}: what was found is no key: expected at least {CHARACTERS_MIN} letters "
            "and digits, and nothing around them"
        )
    found = _BEGINNING.match(real)
    kept = found.end() if found and len(real) - found.end() >= CHARACTERS_MIN else 0
    made = real[:kept] + "".join(map(_other, real[kept:]))
    assert made != real, named
    return made


def _other(character: str) -> str:
    for kind in _KINDS:
        if character in kind:
            return secrets.choice(kind)
    return character
