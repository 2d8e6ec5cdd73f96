"""
Promise: a process that runs without a network reaches providers through the proxy that stands, and
nothing else. A process that `unshare` started stands for a container, of which nothing runs here.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ProviderHandle
from fake_provider.tls import HOSTS

from .people import CURL
from .test_up import Shell, wait_until

# As a container has it: its own resolver file, and no network but a loopback that is down.
UNSHARED = ["unshare", "--user", "--map-root-user", "--net", "--mount"]

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="it is of util-linux")


@pytest.fixture
def shell(provider: ProviderHandle, tmp_path: Path) -> Iterator[Shell]:
    """Nothing is left standing."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        made = Shell(provider, company, tmp_path)
        made("$LLMCAP up --port 0 --no-page --cap '1 requests/day'")
        yield made
        made("$LLMCAP down")


@contextmanager
def contained(shell: Shell, script: str) -> "Iterator[subprocess.Popen[str]]":
    """A process like a container's, with the mounts and variables that ours are to have."""
    compose = shell("$LLMCAP confine --container box --compose 2>/dev/null")
    lines = [line.strip().removeprefix("- ") for line in compose.splitlines()]
    pairs = [json.loads(line).split(":")[:2] for line in lines if line.endswith(':ro"')]
    (trust, inside), *files = pairs
    given = [line.split(": ", 1) for line in lines[lines.index("environment:") + 1 :]]
    environ = {name: json.loads(value).replace(inside, trust) for name, value in given}
    binds = " && ".join(shlex.join(["mount", "--bind", one, other]) for one, other in files)
    ran = {"PATH": os.environ["PATH"], **environ}
    with subprocess.Popen(
        [*UNSHARED, "sh", "-c", f"{binds} && {script}"], env=ran, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_a_process_without_a_network_is_let_out_to_the_proxy(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """Metered and capped with its own roots, stopped elsewhere, and told at its end."""
    call = shlex.join(CURL)
    past = "curl -sS --max-time 5 http://192.0.2.1/ >/dev/null 2>&1"
    ready = tmp_path / "ready"
    with contained(shell, f"touch {ready}; read go; {call}; {call}; {past}; true") as process:
        wait_until(ready.exists, shown=Path(os.devnull))
        words = [*shlex.split(shell.environ["LLMCAP"]), "confine", "--pid", str(process.pid)]
        with subprocess.Popen(
            words, env=shell.environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as attending:
            assert attending.stdout is not None
            first = attending.stdout.readline()
            assert first == f"the network of process {process.pid} leads to LLMCap until it ends\n"
            said, _ = process.communicate("go\n", timeout=300)
            told, _ = attending.communicate(timeout=300)
    assert said == "200\n429\n"
    assert told == "LLMCap: at least 1 attempt past the proxy was stopped\n"
    assert attending.returncode == 0
    assert len(provider.bill()["records"]) == 1


def test_a_process_with_a_way_of_its_own_is_not_taken(shell: Shell) -> None:
    """This machine's network, another interface, no such process, and no proxy."""
    own = shell("$LLMCAP confine --pid $$; echo $?")
    assert "has this machine's own network" in own
    assert own.endswith("\n2\n")
    assert "there is no process 999999999" in shell("$LLMCAP confine --pid 999999999")
    more = "(ip link add way type dummy && echo made || echo none) 2>/dev/null; read go"
    with contained(shell, more) as process:
        assert process.stdout is not None
        if process.stdout.readline() == "made\n":
            assert "ways of its own: way" in shell(f"$LLMCAP confine --pid {process.pid}")
    shell("$LLMCAP down")
    assert "no proxy is up" in shell("$LLMCAP confine --pid 1")


def test_the_options_are_words_of_a_shell(shell: Shell) -> None:
    """No network, nothing that can be written, and no variable of a proxy."""
    said = shell("$LLMCAP confine --container my-box 2>/dev/null").splitlines()
    assert [line.split()[0] for line in said] == ["docker", "podman"]
    words = shlex.split(said[0])
    assert words[:6] == ["docker", "run", "--name", "my-box", "--network", "none"]
    mounts = [word for before, word in pairwise(words) if before == "--volume"]
    assert all(mount.endswith(":ro") for mount in mounts)
    assert len(mounts) == 3
    assert not any("PROXY" in word.partition("=")[0].upper() for word in words)


def test_the_command_that_is_to_follow_has_the_same_options(shell: Shell) -> None:
    """Whoever copies it loses none; what it would not take is said at once."""
    given = "--project 'my own' --port 99 --allow-host '*.a.com' --deny-other-hosts"
    for shown in ("", "--compose"):
        said = shell(f"$LLMCAP confine --container my-box {shown} {given} 2>&1 >/dev/null")
        assert f'my-box)" {given}, or' in said
    assert "add --deny-other-hosts" in shell(
        "$LLMCAP confine --container box --allow-host a.com 2>&1"
    )
