"""
Promise: a confined command through the proxy that stands is capped by its budgets, reaches nothing
without it, and leaves nothing there.
"""

import contextlib
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ProviderHandle
from fake_provider.tls import HOSTS

from .conftest import CLIENTS, PROGRAMS
from .people import CURL
from .test_up import Shell, proxy_of, wait_until

PLAIN = shlex.join(("env", "-u", "SSL_CERT_FILE", *CURL))
REAL = "sk-proj-R3aLr3AlR3aLr3AlR3aLr3AlR3aLr3Al"


@pytest.fixture
def shell(provider: ProviderHandle, tmp_path: Path) -> Iterator[Shell]:
    """Nothing is left standing."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        made = Shell(provider, company, tmp_path)
        yield made
        made("$LLMCAP down")


def through(words: str, *options: str) -> str:
    """The command line."""
    return f"$LLMCAP run --confine --through-up {' '.join(options)} -- {words}"


def test_the_budgets_of_the_proxy_that_stands_hold(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """Per project too, with every attempt past it stopped and told; and no line outlives it."""
    (tmp_path / "llmcap.yaml").write_text(
        "budgets: [{name: each, cap: 2 requests, every: year, per: project}]\n"
    )
    shell.environ["LLMCAP_CONFIG"] = str(tmp_path / "llmcap.yaml")
    shell("$LLMCAP up --port 0")
    calls = f"sh -c {shlex.quote(f'{PLAIN}; {PLAIN}; {PLAIN}')}"
    assert shell(through(calls, "--project", "red")) == "200\n200\n429\n"
    assert shell(through(PLAIN, "--project", "blue")) == "200\n"
    assert len(provider.bill()["records"]) == 3
    shown = json.loads(shell("$LLMCAP status --json"))["budgets"]
    assert {each["value"]: each["spent"] for each in shown} == {"red": 2, "blue": 1}
    past = shell(through("sh -c 'curl -sS --max-time 5 http://192.0.2.1/ 2>&1; true'"))
    assert "after 0 ms" in past
    assert "LLMCap: at least 1 attempt past the proxy was stopped" in past
    process, log = proxy_of(shell)
    wait_until(lambda: left_of_networks(process) == 0, shown=log)


def left_of_networks(process: int) -> int:
    """How many counters of other networks a process has open, which it got with their sockets."""
    found = 0
    for each in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(each.readlink()).endswith(("/net/snmp", "/net/snmp6"))
    return found


def test_without_its_proxy_a_command_reaches_nothing(shell: Shell, tmp_path: Path) -> None:
    """It is not let out in another way when the proxy goes down under it."""
    shell("$LLMCAP up --port 0 --cap 5/day")
    go, here = tmp_path / "go", tmp_path / "here"
    waits = f"touch {here}; while [ ! -e {go} ]; do sleep 0.02; done; {PLAIN}; echo $?"
    words = [*shlex.split(shell.environ["LLMCAP"]), "run", "--confine", "--through-up", "--"]
    with subprocess.Popen(
        [*words, "sh", "-c", waits], env=shell.environ, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as started:  # fmt: skip
        wait_until(here.exists, shown=Path(os.devnull))
        shell("$LLMCAP down")
        go.touch()
        said, _ = started.communicate(timeout=300)
    assert said.splitlines()[-2:] == ["000", "6"], said


def test_keys_are_swapped_by_the_proxy_that_stands(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """As long as the command runs: a stand-in that is kept opens nothing afterwards."""
    (tmp_path / "mine.yaml").write_text("keys: {openai: env:MY_OPENAI}\n")
    shell.environ["MY_OPENAI"] = REAL
    shell("$LLMCAP up --port 0 --cap 5/day")
    call = PLAIN.replace(
        "'authorization: Bearer sk-fake'", '"authorization: Bearer $OPENAI_API_KEY"'
    )
    script = f"{call}; echo $OPENAI_API_KEY >{tmp_path / 'kept'}; env"
    said = shell(through(f"sh -c {shlex.quote(script)}", "--config", str(tmp_path / "mine.yaml")))
    assert said.startswith("200\n"), said
    assert REAL not in said
    assert f"authorization: Bearer {REAL}\n" in "\n".join(provider.bill()["heads"]) + "\n"
    provider.reset()
    later = call.replace("$OPENAI_API_KEY", (tmp_path / "kept").read_text().strip())
    shell(through(f"sh -c {shlex.quote(later)}"))
    assert REAL not in "\n".join(provider.bill()["heads"])
    log = proxy_of(shell)[1].read_text()
    assert REAL not in log


def test_what_awss_packages_sign_is_signed_again_by_the_proxy_that_stands(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """With the credentials of the command's own config, which the proxy has nowhere else."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    provider.scenario(secrets={"ASIAREALREALREALREAL": "rE/aL+rE/aL+ tOkEn/="}, length="40")
    shell("$LLMCAP up --port 0 --cap 5/day")
    (tmp_path / "mine.yaml").write_text("keys: {aws-bedrock: 'aws:'}\n")
    shell.environ |= {
        "AWS_ACCESS_KEY_ID": "ASIAREALREALREALREAL", "AWS_SECRET_ACCESS_KEY": "rE/aL+rE/aL+",
        "AWS_SESSION_TOKEN": "tOkEn/=", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    program = shlex.join((str(CLIENTS), str(PROGRAMS / "bedrock_program.py"), "converse", "50"))
    words = f"sh -c {shlex.quote(f'{program}; env')}"
    said = shell(through(words, "--config", str(tmp_path / "mine.yaml")))
    assert "words" in said.splitlines()[0], said
    assert "rE/aL" not in said
    assert "tOkEn" not in said
    (head,) = provider.bill()["heads"]
    assert "Credential=ASIAREALREALREALREAL/" in head
    assert "AKIA" not in head


def test_what_cannot_be_is_told_and_nothing_runs(shell: Shell) -> None:
    """One sentence, and 125: without a proxy, unconfined, and with a cap of its own."""

    def refused(*options: str) -> str:
        shown = shell(f"$LLMCAP run --through-up {' '.join(options)} -- touch x; echo $?; ls x")
        assert "\n125\n" in shown
        assert "No such file" in shown
        return shown

    assert "no proxy is up" in refused("--confine")
    told = shell("$LLMCAP up --port 0 --no-page")
    assert "Use it with" in told, told
    assert "--through-up is for a confined command" in refused()
    assert "--cap is for a proxy of the command's own" in refused("--confine", "--cap", "5")
    inner = shlex.quote(through("touch x"))
    shown = shell(f"$LLMCAP run --confine --cap 1 -- sh -c {inner}; ls x")
    assert "this command, was started inside a confined command" in shown
    assert "No such file" in shown
