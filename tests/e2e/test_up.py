"""`llmcap up`, `env`, `down`, as a user types them."""

import contextlib
import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle
from fake_provider.tls import HOSTS
from llmcap.words.money import usd_string

CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
CURL = (
    "curl -sS https://api.openai.com/v1/chat/completions -o /dev/null -w '%{http_code}' "
    f"-d '{json.dumps(CALL)}'"
)
STREAM = (
    "curl -sS https://api.openai.com/v1/chat/completions "
    f"-d '{json.dumps({**CALL, 'stream': True})}'"
)

SECONDS = 300  # ends what hangs


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
            ["sh", "-c", script], env=self.environ, text=True, timeout=SECONDS, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ).stdout  # fmt: skip


def proxy_of(shell: Shell) -> tuple[int, Path]:
    """The process that stands, and its log."""
    folder = Path(shell.environ["XDG_DATA_HOME"]) / "llmcap" / "proxy"
    return int(json.loads((folder / "state.json").read_text())["pid"]), folder / "log"


def wait_until(holds: Callable[[], bool], *, shown: Path) -> None:
    """Until it holds; the file is shown where it never does."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, shown.read_text()
        time.sleep(0.02)


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


@pytest.mark.parametrize("workers", ["", "--workers 2"], ids=["one process", "two workers"])
def test_down_waits_for_the_calls_in_flight_and_leaves_the_port_free(
    shell: Shell, provider: ProviderHandle, workers: str
) -> None:
    """They come to their end and are settled, and the next proxy can have the port at once."""
    provider.scenario(length="40", tokens_per_event=10, gated_after=1)
    up = f"$LLMCAP up --no-page --cap 1/day {workers} --port"
    shell(f"{up} 0")
    _, log = proxy_of(shell)
    port = int(json.loads((log.parent / "state.json").read_text())["port"])

    def refuses() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) != 0

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(shell, f'eval "$($LLMCAP env)"; {STREAM}')
        wait_until(lambda: provider.bill()["open"] == 1, shown=log)
        down = pool.submit(shell, "$LLMCAP down")
        wait_until(refuses, shown=log)
        assert not down.done()
        provider.open_gate()
        assert "[DONE]" in answer.result()
        assert down.result() == (
            "LLMCap is down. Where `llmcap env` was taken, calls fail until it is up again;\n"
            'there, eval "$(llmcap env --unset)" puts back what was set before.\n'
        )
    (budget,) = json.loads(shell("$LLMCAP status --json"))["budgets"]
    assert budget["spent_usd"] == usd_string(provider.nanos()) != "0"
    assert budget["held_usd"] == "0"
    assert f":{port}" in shell(f"{up} {port}")


def test_a_shell_puts_back_what_it_took(shell: Shell) -> None:
    """Also where it took it twice, and the proxy is gone."""
    shell("$LLMCAP up --port 0")
    taken = 'eval "$($LLMCAP env)"; eval "$($LLMCAP env --project blue)"'
    shown = "env | grep -v ^_= | sort"
    before = shell(shown)
    within = shell(f"{taken}; {shown}")
    assert "LLMCAP_PROXY=http://blue@127.0.0.1:" in within
    unset = 'eval "$($LLMCAP env --unset)"'
    assert shell(f"{taken}; $LLMCAP down; {unset}; {shown}").endswith(before)


def test_a_session_s_line_says_what_it_has_cost(shell: Shell, provider: ProviderHandle) -> None:
    """Its own calls and no others, beside what its agent says of itself."""
    shell("$LLMCAP up --port 0 --cap 5/day")
    ask = f"{CURL} -H 'x-claude-code-session-id: s-1'"
    assert shell(f'eval "$($LLMCAP env)"; {ask}; {ask}') == "200200"
    billed = provider.nanos()
    shell(f'eval "$($LLMCAP env)"; {CURL}')
    said = json.dumps({"session_id": "s-1", "cost": {"total_cost_usd": 0.5}})
    line = f"echo '{said}' | $LLMCAP statusline --format json"
    found = json.loads(shell(f'eval "$($LLMCAP env)"; {line}'))
    assert found["session_usd"] == f"{billed / 10**9:.9f}".rstrip("0")
    assert found["agent_usd"] == "0.500000"


def test_a_shell_that_is_set_up_can_start_it_anew(shell: Shell) -> None:
    """The new proxy is chained to the company's, not to the one before it."""
    told = json.loads(shell("$LLMCAP up --port 0 --json 2> /dev/null"))
    assert told["url"].startswith("http://127.0.0.1:")
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


def test_a_host_of_its_config_is_metered_for_who_does_not_know_the_config(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """`llmcap env` asks the proxy for its hosts; a host that is new in the config is told."""
    config = tmp_path / "own.yaml"
    config.write_text("providers:\n- {host: localhost, like: openai, prices: openai}\n")
    shell(f"$LLMCAP up --port 0 --config {config}")
    shell("$LLMCAP run --cap 1 -- true")  # which knows nothing of that config
    there = CURL.replace("api.openai.com", "localhost") + " --noproxy ''"
    assert shell(f'eval "$(NO_PROXY=.localhost $LLMCAP env)"; {there}') == "200"
    assert json.loads(shell("$LLMCAP log --json").splitlines()[-1])["provider"] == "localhost"
    config.write_text(config.read_text() + "- {host: llm.corp.example, like: openai}\n")
    _, log = proxy_of(shell)
    told = "programs will not trust this proxy for llm.corp.example"
    wait_until(lambda: told in log.read_text(), shown=log)


def test_a_change_by_hand_meets_the_next_call(shell: Shell, tmp_path: Path) -> None:
    """Of a proxy that runs: for one value of a budget `per` something, and for all of them."""
    config = tmp_path / "llmcap.yaml"
    config.write_text(
        "budgets:\n"
        "- {name: each, cap: 1 requests, every: year, per: project}\n"
        "- {name: all, cap: $5, every: year}\n"
    )
    shell(f"$LLMCAP up --port 0 --config {config}")
    blue = f'eval "$($LLMCAP env --project blue)"; {CURL}'
    red = f'eval "$($LLMCAP env --project red)"; {CURL}'
    assert shell(f"{blue}; {CURL}; {red}; {CURL}") == "200429200429"
    # Two more for blue, then as many as it has had and one, then as if it had had none.
    for change in ("raise each 2", "set each '4 requests'", "reset each"):
        said = shell(f"$LLMCAP budget {change} --value blue --by ada --note 'load test'")
        assert "by ada (load test)" in said
        assert shell(f"{red}; {blue}") == "429200", change
    shell("$LLMCAP budget reset each --value red")
    shell("$LLMCAP budget pause all")
    assert shell(red) == "429"
    shell("$LLMCAP budget resume all")
    assert shell(red) == "200"
    rows = json.loads(shell("$LLMCAP budget list --json"))
    assert {(row["name"], row["value"]) for row in rows} == {
        ("each", "blue"), ("each", "red"), ("all", ""),
    }  # fmt: skip
    assert not any(row["paused"] for row in rows)


# --- a config that changes -----------------------------------------------------------------------


def test_sighup_reads_the_config_again_and_a_bad_one_is_not_used(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """The process goes on, and a call in flight keeps its hold and settles where it was held."""
    config = tmp_path / "llmcap.yaml"
    config.write_text("budgets: [{name: all, cap: 3 requests, every: year}]\n")
    shell(f"$LLMCAP up --port 0 --config {config}")
    pid, log = proxy_of(shell)

    def write(text: str, count: int, told: str) -> None:
        """As an editor that keeps size and time would: nothing but the signal tells."""
        before = config.stat()
        config.write_text(text.ljust(before.st_size - 1)[: before.st_size - 1] + "\n")
        os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: log.read_text().count(told) == count, shown=log)

    provider.scenario(length="20", gated_after=0)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(shell, f'eval "$($LLMCAP env)"; {CURL}')
        wait_until(lambda: provider.bill()["open"] == 1, shown=log)
        write("budgets: [{name: all, cap: banana}]", 1, "the changed config is not used")
        assert "budgets.0.cap: 'banana' is not a cap" in log.read_text()
        write("budgets: [{name: all, cap: 1 requests, every: year}]", 1, "again: it is in force")
        provider.open_gate()
        assert slow.result() == "200"
    provider.scenario()
    assert shell(f'eval "$($LLMCAP env)"; {CURL}') == "429"
    assert "config_error" in shell("$LLMCAP events")
    write("budgets: [{name: all, cap: 2 requests, every: year}]", 2, "again: it is in force")
    assert shell(f'eval "$($LLMCAP env)"; {CURL}; {CURL}') == "200429"
    ledger = tmp_path / "data" / "llmcap" / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        spent, held = connection.execute(
            "SELECT sum(cost_nanos), (SELECT count(*) FROM open_holds) FROM entries"
        ).fetchone()
    assert (spent, held) == (provider.nanos(), 0)
    assert proxy_of(shell)[0] == pid


def test_it_ends_with_its_terminal(shell: Shell) -> None:
    """In the foreground of a window that is closed; SIGHUP alone does not end it there either."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "llmcap.cli", "up", "--foreground", "--port", "0"]
    with subprocess.Popen(
        command, env=shell.environ, stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(terminal)
        said = b""
        while b"LLMCap listens at" not in said:
            said += os.read(controller, 4096)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        os.close(controller)
        process.send_signal(signal.SIGHUP)
        assert process.wait(SECONDS) == 0
