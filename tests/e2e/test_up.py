"""`llmcap up`, `env`, `down`, as a user types them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle
from fake_provider.tls import HOSTS

CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
CURL = (
    "curl -sS https://api.openai.com/v1/chat/completions -o /dev/null -w '%{http_code}' "
    f"-d '{json.dumps(CALL)}'"
)


class Shell:
    """A user's shell behind a company's proxy, with a home of its own."""

    def __init__(self, provider: ProviderHandle, company: CompanyProxy, home: Path) -> None:
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "PYTHONPATH": str(ROOT / "addons"),
            "HTTPS_PROXY": company.url,
            "SSL_CERT_FILE": str(provider.ca),
            "LLMCAP": f"{sys.executable} -m llmcap.cli",
        }

    def __call__(self, script: str) -> str:
        """What a script prints, errors too."""
        return subprocess.run(
            ["sh", "-c", script], env=self.environ, text=True, timeout=60, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ).stdout  # fmt: skip


@pytest.fixture
def shell(provider: ProviderHandle, tmp_path: Path) -> Iterator[Shell]:
    """Nothing is left standing."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        made = Shell(provider, company, tmp_path)
        yield made
        made("$LLMCAP down")


def test_programs_use_it_until_it_is_down(shell: Shell, provider: ProviderHandle) -> None:
    """One line sets a shell up; after `down` nothing answers, and calls fail closed."""
    said = shell("$LLMCAP up --port 0 --cap '2 requests/day'")
    assert "cap: 2 requests every day" in said
    assert shell(f'eval "$($LLMCAP env)"; {CURL}; {CURL}; {CURL}') == "200200429"
    assert len(provider.bill()["records"]) == 2
    script = f'eval "$($LLMCAP env)"; $LLMCAP down; {CURL}; echo " $?"'
    assert shell(script).splitlines()[-1] == "000 7"
    assert shell("$LLMCAP down") == "No proxy is up.\n"


def test_a_shell_that_is_set_up_can_start_it_anew(shell: Shell) -> None:
    """The new proxy is chained to the company's, not to the one before it."""
    shell("$LLMCAP up --port 0")
    set_up = 'eval "$($LLMCAP env)"'
    script = f"{set_up}; $LLMCAP down; $LLMCAP up --port 0; {set_up}; {CURL}"
    assert shell(script).endswith("200")


def test_a_start_that_fails_says_why(shell: Shell) -> None:
    """Though it happened in the background."""
    said = shell("$LLMCAP up --cap nonsense; echo $?")
    assert "'nonsense' is not a cap" in said
    assert said.endswith("\n2\n")
    shell("$LLMCAP up --port 0")
    assert "a proxy of yours is up at http://127.0.0.1:" in shell("$LLMCAP up")
