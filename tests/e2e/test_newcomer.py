"""
A newcomer's first two minutes: from a clone to the first refusal, typed as the README has it.

A fresh environment gets what its package index has; the tool is a stand-in of Claude Code's that
asks until it is told to stop, and the provider is on loopback. What was typed and seen is kept in
`transcript.txt`, and shown where the test fails.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout to clone"),
]

WORK_SECONDS_MAX = 120
STEP_SECONDS_MAX = 300

CLAUDE = """#!/bin/sh
while :; do
    answer=$(curl -sS https://api.anthropic.com/v1/messages -w '%{http_code}' \\
        -H 'user-agent: claude-cli/2.1.197 (external, cli)' -H 'x-api-key: sk-ant-fake' \\
        -d '{"model": "claude-opus-4-5", "max_tokens": 20000,
             "messages": [{"role": "user", "content": "Go on."}]}')
    case $answer in
        *200) echo "an answer" ;;
        *) echo "$answer"; exit 1 ;;
    esac
done
"""


@dataclass
class Newcomer:
    """Somebody with a shell, in a folder of their own."""

    folder: Path
    began: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)

    def types(self, command: str, *, code: int = 0, **environ: str) -> str:
        """Type a command, in the folder, and see what it says."""
        self.lines.append(f"$ {command}\n")
        path = f"{self.folder}/venv/bin:{self.folder}/bin:{os.environ['PATH']}"
        home = str(self.folder / "home")
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, text=True, check=False,
            env={"PATH": path, "HOME": home, **environ}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=STEP_SECONDS_MAX,
        )  # fmt: skip
        self.lines.append(done.stdout)
        (self.folder / "transcript.txt").write_text(self.transcript)
        assert done.returncode == code, self.transcript
        return done.stdout

    @property
    def transcript(self) -> str:
        """Everything so far, and how long it took."""
        seconds = time.monotonic() - self.began
        return "".join([*self.lines, f"({seconds:.0f} seconds)\n"])


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    """One with Claude Code, as far as we can tell."""
    if shutil.which("git") is None or shutil.which("curl") is None:
        pytest.skip("no git or no curl on this machine")
    made = Newcomer(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "bin" / "claude").write_text(CLAUDE)
    (tmp_path / "bin" / "claude").chmod(0o755)
    return made


# How a package index is reached from here; of the network that the tool is in, nothing is known.
INDEX = {
    name: value
    for name, value in os.environ.items()
    if name.startswith(("PIP_", "UV_")) or name in {"SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy"}
}


def test_from_a_clone_to_the_first_refusal(
    newcomer: Newcomer, provider: ProviderHandle, company: CompanyProxy
) -> None:
    """The README's two lines of installation: at $5 the tool stops, and the bill is below that."""
    provider.scenario(length="20000")
    newcomer.types(f"git clone --quiet {ROOT} clone")
    readme = (newcomer.folder / "clone" / "README.md").read_text("utf-8")
    block = re.search(r"## Install\n.*?```console\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    install, run = re.findall(r"^\$ (.*)$", block[1], re.MULTILINE)
    assert (install, run) == ("pip install .", "llmcap run --cap 5 -- claude")

    newcomer.types(f"{sys.executable} -m venv venv")
    newcomer.types(f"cd clone && {install} --quiet", **INDEX)
    network = {"HTTPS_PROXY": company.url, "SSL_CERT_FILE": str(provider.ca)}
    said = newcomer.types(run, code=124, **network)

    assert "LLMCap stopped this call: budget 'cap' has spent $" in said
    last = said.splitlines()[-1]
    assert re.fullmatch(r"LLMCap: 10 calls, \$5.00 .*, 1 refused; \$0\.\d+ of \$5\.00 left", last)
    assert 4 * 10**9 < provider.nanos() <= 5 * 10**9
    shown = newcomer.types("llmcap report --json")
    assert f'"cost_usd": "{provider.nanos() / 10**9:.9f}'.rstrip("0") in shown
    assert time.monotonic() - newcomer.began < WORK_SECONDS_MAX, newcomer.transcript
    assert (newcomer.folder / "transcript.txt").read_text().count("$ ") >= 5


def test_a_clone_shows_a_cap_being_hit_by_one_command(newcomer: Newcomer) -> None:
    """`scripts/demo` makes what it needs, and ends with the 429 and the books that agree."""
    newcomer.types(f"git clone --quiet {ROOT} clone")
    said = newcomer.types("clone/scripts/demo", LLMCAP_PYTHON=sys.executable, **INDEX)
    assert "HTTP 429" in said
    billed = re.search(r"in nano-dollars: ([\d,]+); LLMCap's ledger: ([\d,]+)\.", said)
    assert billed is not None
    assert billed[1] == billed[2]
    assert time.monotonic() - newcomer.began < WORK_SECONDS_MAX, newcomer.transcript
