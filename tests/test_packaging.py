"""The wheel has all that an installation needs, and works without the checkout."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, as an installation has them."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run_in(unpacked: Path, program: str) -> str:
    """What a program prints that sees the wheel's files, and no checkout."""
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=unpacked.parent,
        env={"PYTHONPATH": str(unpacked), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_every_module_is_in_the_wheel(unpacked: Path) -> None:
    """What is in `addons` is in the wheel, and nothing of the tests or scripts."""
    source = ROOT / "addons"
    for path in source.rglob("*"):
        relative = path.relative_to(source)
        if relative.parts[0] == "vscode":
            continue  # VS Code's own kind of package
        if path.is_file() and "__pycache__" not in relative.parts:
            assert (unpacked / relative).exists(), relative
    tops = {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"llmcap", "llmcap_addon.py"}


def test_the_wheel_finds_its_own_prices(unpacked: Path) -> None:
    """The price book is read from the package's copy."""
    program = """
import llmcap.pricing
from datetime import datetime, UTC
price = llmcap.pricing.PriceBook().find("openai", "gpt-4o-mini", datetime.now(UTC))
print(llmcap.pricing.__file__, price.rates["input"])
"""
    assert run_in(unpacked, program) == f"{unpacked}/llmcap/pricing/__init__.py 0.15"
    assert (unpacked / "llmcap" / "_pricing" / "openai.yaml").exists()


def test_the_wheel_counts_tokens(unpacked: Path) -> None:
    """The vocabulary is in it."""
    program = (
        "from llmcap.bounds.vocabulary import encoding; print(encoding().encode('hello there'))"
    )
    assert run_in(unpacked, program) == "[24912, 1354]"


def test_the_wheel_has_the_addon_of_mitmdump(unpacked: Path) -> None:
    """`mitmdump -s llmcap_addon.py` finds one addon there."""
    program = "import llmcap_addon; print([type(a).__name__ for a in llmcap_addon.addons])"
    assert run_in(unpacked, program) == "['LLMCap']"


def test_the_wheel_has_the_command(unpacked: Path) -> None:
    """`llmcap` is what the entry point says."""
    (points,) = unpacked.glob("*.dist-info/entry_points.txt")
    assert "llmcap = llmcap.__main__:main" in points.read_text()
    program = "import sys, llmcap.__main__; sys.argv[1:] = ['--help']; llmcap.__main__.main()"
    assert "Usage:" in run_in(unpacked, program)


def test_version_and_changelog_agree() -> None:
    """The newest heading of the changelog is the version of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]
