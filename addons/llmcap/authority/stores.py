"""
Where a certificate authority can be installed: the system's trust store, NSS and Firefox, Java.

Only for programs that read no variable; `llmcap run` installs nothing. Every change is a `Step`, a
command that can be shown before it is run.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from llmcap.authority.variables import JAVA_STORE_PASSWORD
from llmcap.words.errors import ConfigError

NICKNAME = "LLMCap spend firewall"
ALIAS = "llmcap"
STEP_SECONDS_MAX = 120

# Folder for roots of the administrator's own, and the command that takes them in.
SYSTEM_STORES = (
    (
        "usr/local/share/ca-certificates",
        "llmcap.crt",
        ("update-ca-certificates",),
    ),  # Debian, Alpine
    ("etc/pki/ca-trust/source/anchors", "llmcap.pem", ("update-ca-trust", "extract")),  # Fedora
    ("etc/ca-certificates/trust-source/anchors", "llmcap.pem", ("update-ca-trust",)),  # Arch
    ("usr/share/pki/trust/anchors", "llmcap.pem", ("update-ca-certificates",)),  # openSUSE
)

# Where browsers keep NSS databases, below the home folder.
NSS_PLACES = (
    ".pki/nssdb",  # Chrome and Chromium on Linux
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    "snap/chromium/current/.pki/nssdb",
    "Library/Application Support/Firefox/Profiles/*",
)


class Kind(StrEnum):
    """A kind of trust store."""

    SYSTEM = "system"
    NSS = "nss"
    JAVA = "java"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of an installation."""

    says: str  # what it does, for people
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides how a store is changed; tests describe another one."""

    root: Path = Path("/")
    home: Path = field(default_factory=Path.home)
    platform: str = sys.platform
    is_admin: bool = sys.platform == "win32" or os.geteuid() == 0
    find: Callable[[str], str | None] = shutil.which

    def as_admin(self, *argv: str) -> tuple[str, ...]:
        """The command, by `sudo` where that is needed."""
        return argv if self.is_admin else ("sudo", *argv)


def install(kind: Kind, certificate: Path, machine: Machine) -> list[Step]:
    """The steps that make a kind of store trust the certificate. Raises `ConfigError`."""
    return _STEPS[kind](machine, certificate)


def uninstall(kind: Kind, machine: Machine) -> list[Step]:
    """The steps that take it out again. Raises `ConfigError`."""
    return _STEPS[kind](machine, None)


def carry_out(steps: Iterable[Step], environ: Mapping[str, str]) -> None:
    """Run the steps, with the terminal, as `sudo` may ask. The first failure is a `ConfigError`."""
    for step in steps:
        try:
            done = subprocess.run(  # noqa: S603 - shown to the user, who said yes
                step.argv, check=False, timeout=STEP_SECONDS_MAX, env=dict(environ)
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"{step.says}: {step.argv[0]}: {error}") from error
        if done.returncode:
            raise ConfigError(f"{step.says}: {step.argv[0]} failed with {done.returncode}")


def _system(machine: Machine, certificate: Path | None) -> list[Step]:
    if machine.platform == "darwin":
        keychain = str(machine.home / "Library/Keychains/login.keychain-db")
        if certificate is None:
            argv = ("security", "delete-certificate", "-c", NICKNAME, "-t", keychain)
            return [Step("remove it from the login keychain", argv)]
        trust = ("-r", "trustRoot", "-p", "ssl", "-k", keychain, str(certificate))
        return [Step("trust it in the login keychain", ("security", "add-trusted-cert", *trust))]
    if machine.platform == "win32":
        if certificate is None:
            return [Step("remove it from your roots",
                         ("certutil", "-user", "-delstore", "Root", NICKNAME))]  # fmt: skip
        return [Step("add it to your roots",
                     ("certutil", "-user", "-addstore", "Root", str(certificate)))]  # fmt: skip
    found = _system_store(machine)
    if found is None:
        places = ", ".join(f"/{folder}" for folder, _, _ in SYSTEM_STORES)
        raise ConfigError(
            f"this system's trust store is none that LLMCap knows ({places})\n"
            "hint: `llmcap ca export` writes the certificate to a file, for your system's own tool"
        )
    target, refresh = found
    if certificate is None:
        change = Step(f"remove {target}", machine.as_admin("rm", "-f", target))
    else:
        copy = machine.as_admin("install", "-m", "0644", str(certificate), target)
        change = Step(f"copy the certificate to {target}", copy)
    return [change, Step("refresh the system's trust store", machine.as_admin(*refresh))]


def _system_store(machine: Machine) -> tuple[str, tuple[str, ...]] | None:
    """The file for our certificate, and the command that takes it in."""
    for folder, file, refresh in SYSTEM_STORES:
        place = machine.root / folder
        if place.is_dir() and machine.find(refresh[0]):
            return str(place / file), refresh
    return None


def _nss(machine: Machine, certificate: Path | None) -> list[Step]:
    folders = nss_databases(machine.home)
    if not folders:
        raise ConfigError("no NSS database is here: neither Firefox nor Chrome has a profile")
    if machine.find("certutil") is None:
        raise ConfigError(
            "NSS databases are changed with `certutil`, which is not installed\n"
            "hint: install libnss3-tools (Debian, Ubuntu), nss-tools (Fedora) or nss (macOS)"
        )
    steps = []
    for folder in folders:
        entry = ("-d", f"sql:{folder}", "-n", NICKNAME)
        if certificate is None:
            steps.append(Step(f"remove it from {folder}", ("certutil", "-D", *entry)))
        else:
            added = (*entry, "-t", "C,,", "-i", str(certificate))
            steps.append(Step(f"trust it in {folder}", ("certutil", "-A", *added)))
    return steps


def nss_databases(home: Path) -> list[Path]:
    """The NSS databases below a home folder."""
    found = (folder for place in NSS_PLACES for folder in home.glob(place))
    return sorted({folder for folder in found if (folder / "cert9.db").is_file()})


def _java(machine: Machine, certificate: Path | None) -> list[Step]:
    keytool = machine.find("keytool")
    if keytool is None:
        raise ConfigError("Java's trust store is changed with `keytool`, which is not in PATH")
    store = ("-cacerts", "-storepass", JAVA_STORE_PASSWORD, "-alias", ALIAS)
    if certificate is None:
        return [Step("remove it from the store of this Java",
                     machine.as_admin(keytool, "-delete", *store))]  # fmt: skip
    argv = (keytool, "-importcert", "-noprompt", "-trustcacerts", *store, "-file", str(certificate))
    return [Step("trust it in the store of this Java", machine.as_admin(*argv))]


_STEPS: Mapping[Kind, Callable[[Machine, Path | None], list[Step]]] = {
    Kind.SYSTEM: _system,
    Kind.NSS: _nss,
    Kind.JAVA: _java,
}
