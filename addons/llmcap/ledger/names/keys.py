"""
Naming a key: which one is meant, and what may be its name.

That somebody gave a name is an entry of the ledger, as any change by hand.
"""

import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from llmcap.ledger import history, open_ledger, rollups
from llmcap.ledger.changes import Rollup
from llmcap.ledger.follower import catch_up
from llmcap.ledger.names.table import key_names
from llmcap.ledger.rolled import EVER
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError

NAME_CHARS_MAX = 64
# An API key is longer than this, or is no hexadecimal number: it must not become a name.
_FINGERPRINT = re.compile(r"[0-9a-f]{1,12}")


def name_key(ledger_path: Path, key: str, name: str, *, why: str) -> tuple[str, str]:
    """
    Name the key whose fingerprint begins so; its fingerprint, and the name that it had.

    `why` is who did it and for which reason. Raises `ConfigError` for a key that no call has come
    with, or a name that is none.
    """
    name = name.strip()
    if len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise ConfigError(
            f"this is no name for a key: expected at most {NAME_CHARS_MAX} printable characters"
        )
    fingerprint = _found(key.strip(), keys_seen(ledger_path))
    with history.reading(ledger_path) as db:
        names = key_names(db)
    taken = [each for each, its in names.items() if its == name and each != fingerprint]
    if name and taken:
        raise ConfigError(f"the key {taken[0]} has the name {name!r} already: choose another")
    done = f"named {name!r}" if name else "has no name any more"
    with closing(open_ledger(ledger_path)) as ledger:
        ledger.name_key(fingerprint, name, note=f"key {fingerprint} {done} {why}")
    return fingerprint, names.get(fingerprint, "")


def keys_seen(ledger_path: Path) -> dict[str, Rollup]:
    """The fingerprints of all keys that calls have come with, and what these calls came to."""
    if not ledger_path.exists():
        raise ConfigError(f"there is no ledger {ledger_path} yet: no call has come")
    catch_up(ledger_path)
    with history.reading(ledger_path) as db:
        return rollups.totals(db, "key", EVER)


def _found(key: str, seen: Mapping[str, Rollup]) -> str:
    if _FINGERPRINT.fullmatch(key) is None:
        raise ConfigError(
            "this is no fingerprint of a key: expected its hexadecimal digits, as `llmcap key "
            "list` shows them, and never the key itself"
        )
    fits = [each for each in seen if each.startswith(key)]
    if len(fits) == 1:
        return fits[0]
    known = ", ".join(sorted(seen)) or "none"
    many = (
        several(len(fits), "key begins with", "keys begin with")
        if fits
        else "no call has come with the key"
    )
    raise ConfigError(f"{many} {key}; there are: {known}")
