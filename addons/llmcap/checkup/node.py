"""
Which Nodes go through a proxy: those that read its variables, from 22.21 and 24.5 on.

Older ones go round every proxy, whatever is set, unless the program itself reads the variables.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION_SECONDS_MAX = 5

NAMES = ("node", "nodejs")


@dataclass(frozen=True, slots=True)
class Node:
    """A version of it."""

    version: str  # as it says itself: v20.20.2
    reads_proxies: bool


def of_program(path: str) -> Node | None:
    """The Node that a program is, or None where it is none."""
    if Path(path).name not in NAMES:
        return None
    try:
        said = subprocess.run(  # noqa: S603 - found in the user's PATH, or running already
            [path, "--version"], capture_output=True, text=True, check=False,
            timeout=VERSION_SECONDS_MAX,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"v(\d+)\.(\d+)\.\d+", said)
    if match is None:
        return None
    version = int(match[1]), int(match[2])
    reads = version >= (24, 5) or (version[0] == 22 and version[1] >= 21)
    return Node(said, reads)
