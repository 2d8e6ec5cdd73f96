"""Somebody at a shell, as the tests of `llmcap run` have them, and the call that they make."""

import atexit
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle
from warm_python import WarmPython

CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
URL = "https://api.openai.com/v1/chat/completions"
CURL = (
    "curl", "-sS", URL, "-w", "%{http_code}\n", "-o", os.devnull,
    "-H", "authorization: Bearer sk-fake", "-d", json.dumps(CALL),
)  # fmt: skip
COMMAND_SECONDS = 300  # ends what hangs
LLMCAP = str(Path(sys.executable).with_name("llmcap"))


@dataclass
class User:
    """Somebody at a shell whose traffic has to go through their company's proxy."""

    provider: ProviderHandle
    company: CompanyProxy
    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The shell's variables."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "PYTHONPATH": str(ROOT / "addons"),
            "HTTPS_PROXY": self.company.url,
            "SSL_CERT_FILE": str(self.provider.ca),
            **self.more,
        }

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start `llmcap run WORDS...`."""
        return subprocess.Popen(
            [sys.executable, "-m", "llmcap", "run", *words],
            env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """
        Run it to its end.

        In a copy of a Python that has imported mitmproxy, which takes longer than all that most
        tests do; what is confined is a fork of its own, and begins as it does at a real shell.
        """
        if "--confine" not in words:
            return _warm_llmcap().run([LLMCAP, "run", *words], self.environ, COMMAND_SECONDS)
        with self.start(*words) as process:
            out, err = process.communicate(timeout=COMMAND_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def spent_nanos(self, kind: str = "%") -> int:
        """What the shared ledger says, or its entries of one kind."""
        path = self.home / "data" / "llmcap" / "ledger.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            (spent,) = ledger.execute(
                "SELECT coalesce(sum(cost_nanos), 0) FROM entries WHERE kind LIKE ?", (kind,)
            ).fetchone()
        return int(spent)


@cache
def _warm_llmcap() -> WarmPython:
    """One for all runs of this process."""
    found = WarmPython(Path(sys.executable), ["llmcap.cli", "llmcap.launch.master", "llmcap.addon"])
    atexit.register(found.close)
    return found
