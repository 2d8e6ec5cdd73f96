"""
Ways past the proxy that a confined program could try on purpose: as JSON, what became of each.

    python attempts.py ABSTRACT_SOCKET PID

"of the kernel" are those that need something which the program should not have, each with the name
of its error; "of the network" are those that reach the proxy, each with the status of its answer.
PID is a process outside in a network that is the same user's.
"""

import errno
import json
import sys
from collections.abc import Callable

from attempts_kernel import KERNEL
from attempts_network import NETWORK


def outcome(tried: Callable[[], object]) -> object:
    """What it gave, or the error's name."""
    try:
        found = tried()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Exception as error:  # noqa: BLE001 - of HTTP
        return type(error).__name__
    return "done" if found is None else found


if __name__ == "__main__":
    told = [{name: outcome(tried) for name, tried in kind.items()} for kind in (KERNEL, NETWORK)]
    sys.stdout.write(json.dumps(told))
