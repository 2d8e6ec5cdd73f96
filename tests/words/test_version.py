"""Promise: the version is that of the package, and asking for nothing costs nothing."""

import subprocess
import sys
from importlib import metadata

import pytest

from llmcap.words.version import version


def test_the_version_is_the_packages() -> None:
    """As installed here."""
    assert version() == metadata.version("llmcap-mitmproxy")


def test_a_checkout_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has installed a package of that name."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version() == "(from a checkout)"


def test_a_command_that_asks_for_no_version_reads_no_metadata() -> None:
    """Neither the command line itself nor `run` before it knows what it is to do."""
    program = "import sys, llmcap.cli.run; sys.exit('importlib.metadata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
