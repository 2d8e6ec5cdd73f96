"""
The files that a confined command sees in the place of the system's: its resolver's, and the roots.

They are named by what is in them and kept beside the certificates, as those are: a run leaves
nothing that the next one does not use. Only files that the system has are replaced.
"""

import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from llmcap.authority.trust import SYSTEM_BUNDLES
from llmcap.words.errors import ConfigError
from llmcap.words.paths import make_folder

RESOLVER_FILE = Path("/etc/resolv.conf")
HOSTS_FILE = Path("/etc/hosts")
SWITCH_FILE = Path("/etc/nsswitch.conf")

# Caches that answer for the network outside, over sockets that are files.
CACHES = (Path("/run/nscd/socket"), Path("/run/systemd/resolve/io.systemd.Resolve"))

# More places of the roots: Nix, and what Fedora's are links to.
MORE_BUNDLES = (
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    "/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt",
)

# It answers at once, but not before the proxy serves, which takes a while on a busy machine; then
# it answers what was asked meanwhile, too. So nobody has to give up early, nor to ask often.
RESOLVER = "nameserver 127.0.0.1\noptions timeout:10 attempts:5\n"

_HOSTS_LINE = re.compile(r"^\s*hosts\s*:.*$", re.MULTILINE)


def mounts(bundle: Path, *, folder: Path) -> list[tuple[Path, Path]]:
    """
    What to mount over what, the sources made under `folder` where they are missing.

    Raises `ConfigError` where they cannot be written.
    """
    texts = {RESOLVER_FILE: RESOLVER, HOSTS_FILE: hosts_text(socket.gethostname())}
    if SWITCH_FILE.is_file():
        texts[SWITCH_FILE] = switch_text(SWITCH_FILE.read_text(encoding="utf-8", errors="replace"))
    made = [
        (_written(text, folder=folder), target)
        for target, text in texts.items()
        if target.is_file()
    ]
    made += [(Path(os.devnull), cache) for cache in CACHES if cache.exists()]
    made += [(bundle, roots) for roots in _bundles()]
    return [(source, target.resolve()) for source, target in made]


def resolver_file(folder: Path) -> Path:
    """That of a resolver which asks inside, made where it is missing. Raises `ConfigError`."""
    return _written(RESOLVER, folder=folder)


def hosts_text(name: str) -> str:
    """
    This machine by its own name, and nothing else: other entries of `/etc/hosts` hold where the
    proxy is, which reads that file itself.
    """
    return f"127.0.0.1 localhost {name}\n::1 localhost ip6-localhost ip6-loopback\n"


def switch_text(text: str) -> str:
    r"""
    `nsswitch.conf` with hosts looked up in the file and by DNS alone, no other service is asked.

    >>> switch_text("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n")
    'passwd: files\nhosts: files dns\n'
    """
    return _HOSTS_LINE.sub("hosts: files dns", text)


def _bundles() -> Iterator[Path]:
    """The system's roots, each file once, whatever links lead to it."""
    seen: set[Path] = set()
    for name in (*SYSTEM_BUNDLES, *MORE_BUNDLES):
        path = Path(name)
        if path.is_file() and (real := path.resolve()) not in seen:
            seen.add(real)
            yield real


def _written(text: str, *, folder: Path) -> Path:
    path = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
    if path.exists():
        return path
    try:
        make_folder(folder)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        return Path(file.name).replace(path)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder}: a file for the command cannot be written: "
            f"{error.strerror}\nhint: XDG_DATA_HOME names another place for LLMCap's folder"
        ) from error
