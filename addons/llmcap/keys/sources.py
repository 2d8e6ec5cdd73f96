"""
Where a real key is: a variable, a file, what a program prints, or the system's keyring.

    env:NAME    file:PATH    command:pass show openai    keyring:SERVICE/USER

Nothing of a key, and nothing that a program printed, is ever in an error.
"""

import shlex
import subprocess
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from llmcap.words.errors import ConfigError

COMMAND_SECONDS_MAX = 60  # somebody may have to unlock something

KINDS = ("env", "file", "command", "keyring")


def read_key(source: str, *, named: str, environ: Mapping[str, str]) -> str:
    """The real key. Raises `ConfigError`, which says whose (`named`) and where it should be."""
    kind, _, place = source.partition(":")
    readers = {
        "env": lambda: environ.get(place, ""),
        "file": lambda: _of_file(place, named),
        "command": lambda: _of_command(place, named, environ),
        "keyring": lambda: _of_keyring(place, named),
    }
    key = readers[kind]().strip()
    if not key:
        raise ConfigError(f"keys: {named}: {source} has no key: it is empty, or not set")
    return key


def file_of(source: str) -> Path | None:
    """The file that a source is, if it is one."""
    kind, _, place = source.partition(":")
    return Path(place).expanduser() if kind == "file" else None


def _of_file(place: str, named: str) -> str:
    try:
        return Path(place).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"keys: {named}: file:{place} cannot be read: {reason}") from None


def _of_command(place: str, named: str, environ: Mapping[str, str]) -> str:
    try:
        words = shlex.split(place)
        done = subprocess.run(  # noqa: S603 - the user's own command, from a config that is trusted
            words, env=dict(environ), stdout=subprocess.PIPE, timeout=COMMAND_SECONDS_MAX,
            check=True,
        )  # fmt: skip
        return done.stdout.decode("utf-8").partition("\n")[0]
    except subprocess.CalledProcessError as error:
        reason = f"it ended with {error.returncode}"
    except subprocess.TimeoutExpired:
        reason = f"it did not end within {COMMAND_SECONDS_MAX} s"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (ValueError, IndexError):  # of quotes that do not end, or of bytes that are no text
        reason = "it cannot be read"
    raise ConfigError(f"keys: {named}: command:{place}: {reason}")


def _of_keyring(place: str, named: str) -> str:
    service, _, user = place.partition("/")
    try:
        keyring = import_module("keyring")
    except ImportError as error:
        raise ConfigError(
            f"keys: {named}: keyring:{place} needs a package\n"
            "hint: pip install 'llmcap-mitmproxy[keyring]'"
        ) from error
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - of whatever backend it has
        raise ConfigError(
            f"keys: {named}: keyring:{place} cannot be read: {type(error).__name__}"
        ) from None
    return str(found or "")
