"""Where LLMCap keeps its files on this machine, by the conventions of the system."""

import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SECRET_BYTES = 32


def default_ledger() -> Path:
    """The ledger that is used where none is named: one for all of the user's proxies."""
    return data_folder() / "ledger.sqlite3"


def data_folder(
    environ: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
    home: Path | None = None,
) -> Path:
    """
    The folder for what must survive: the ledger and the key of its fingerprints.

    XDG says that a relative `XDG_DATA_HOME` is to be ignored:
    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    home = home or Path.home()
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "llmcap"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "llmcap"
    named = Path(environ.get("XDG_DATA_HOME", ""))
    return (named if named.is_absolute() else home / ".local" / "share") / "llmcap"


def finding_us(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same variables, under which Python finds this very package: installed, or a checkout."""
    ours = str(Path(__file__).absolute().parents[2])
    others = environ.get("PYTHONPATH", "")
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (ours, others)))}


def make_private(path: str) -> None:
    """Make a file, if there is none, for its owner only. A database in memory has no file."""
    if path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def put_private(path: Path, data: bytes, *, over: bool = True) -> None:
    """
    Put a file in place, whole, for its owner only; others see it as it was before, or as it is.

    Without `over` one that is there stays: of those who make it at once, one has made it.
    """
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if over:
            made.replace(path)
        else:
            _link(made, path)
    finally:
        made.unlink(missing_ok=True)


def _link(made: Path, path: Path) -> None:
    try:
        path.hardlink_to(made)
    except FileExistsError:
        pass
    except OSError:  # the file system has no links
        if not path.exists():
            made.replace(path)


def secret_in(path: Path, make: Callable[[], bytes]) -> bytes:
    """
    A secret in a file, made by whoever needs it first.

    Raises `OSError`, and `ValueError` for a file that was cut off, as an older version's crash left
    it: what is signed or hashed under an empty secret is so by anybody.
    """
    if not path.exists():
        put_private(path, make(), over=False)
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"it has {len(secret)} bytes, expected {SECRET_BYTES}")
    return secret


def make_folder(folder: Path) -> None:
    """
    Make a folder, and those above it that are missing, for their owner only.

    `Path.mkdir` leaves the parents to the umask, and a loose one lets others write in them.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time, of those that lock this file; it is made, and stays."""
    import fcntl  # noqa: PLC0415  # POSIX only, and the rest of this file is not

    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Watched:
    """
    A file that others may replace. Asking is cheap enough for every second.

    A change is told once: a file that is wrong is complained about once, and read again when it is
    saved again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] | None = self._signature()

    def changed(self) -> bool:
        """Whether it is another file than when this was last asked."""
        signature = self._signature()
        if signature == self._seen:
            return False
        self._seen = signature
        return True

    def look_again(self) -> None:
        """Take it for changed when it is asked for next."""
        self._seen = None

    def _signature(self) -> tuple[int, ...]:
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino
