"""What this kernel lets us do, and what an administrator can do about it."""

import errno
from collections.abc import Iterator
from pathlib import Path

# Of the kernels that have them: 0 or 1.
APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")  # Ubuntu 23.10 and later
DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
COUNT_MAX = Path("/proc/sys/user/max_user_namespaces")

CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))

OTHERWISE = (
    "`llmcap doctor` says what this kernel allows; without --confine, programs that read proxy "
    "variables are capped all the same"
)

_STEPS = {
    "namespaces": "the kernel makes no user namespace for us",
    "ids": "the ids of the user namespace cannot be set",
    "network": "the network of the namespace cannot be set up",
    "mounts": "files cannot be mounted over those of the system",
    "sockets": "the ports of the namespace cannot be listened on",
    "start": "the helper did not start",
    "end": "the command could not be tied to our own end",
}


def why_not(step: str, number: int, reason: str) -> str:
    """The message of a confinement that failed at a step, with every cause that can be seen."""
    known = errno.errorcode.get(number, "")
    said = f"{known}: {reason}" if known else reason
    lines = [f"--confine: {_STEPS.get(step, step)} ({said}); the command was not started"]
    hints = list(obstacles()) or [OTHERWISE]
    return "\n".join([*lines, *(f"hint: {hint}" for hint in hints)])


def obstacles() -> Iterator[str]:
    """What stands in the way of user namespaces here, each with what mends it."""
    if _number(COUNT_MAX) == 0:
        yield (f"{COUNT_MAX} is 0: `sysctl user.max_user_namespaces=15000` as root allows some")
    if _number(DEBIAN) == 0:
        yield f"{DEBIAN} is 0: `sysctl kernel.unprivileged_userns_clone=1` as root allows them"
    if _number(APPARMOR) == 1:
        yield (
            "AppArmor denies unprivileged user namespaces: an administrator can write a profile "
            f"with `userns,` for {_python()}, or `sysctl "
            "kernel.apparmor_restrict_unprivileged_userns=0`"
        )
    if any(mark.exists() for mark in CONTAINER_MARKS):
        yield (
            "this is a container, whose rules may forbid it: start it with `--security-opt "
            "seccomp=unconfined`"
        )


def _python() -> str:
    return str(Path("/proc/self/exe").resolve())


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
