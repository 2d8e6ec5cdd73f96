"""`llmcap run`, as a user types it, behind a company's proxy, in front of a provider that bills."""

import json
import os
import shlex
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ProviderHandle
from fake_provider.tls import HOSTS

from .people import CALL, COMMAND_SECONDS, CURL, URL, User

# Below what a single call can cost.
NOTHING = "0.00001"


# --- what it costs -------------------------------------------------------------------------------


def test_a_call_is_metered_to_the_nano_dollar(user: User) -> None:
    """The last line, the report and the ledger say what the provider billed."""
    report = user.home / "report.json"
    done = user.run("--cap", "1", "--report", str(report), "--", *CURL)
    assert (done.stdout, done.returncode) == ("200\n", 0)
    billed = user.provider.nanos()
    assert user.spent_nanos() == billed > 0
    document = json.loads(report.read_text())
    assert document["cost_usd"] == f"{billed / 10**9:.9f}".rstrip("0")
    assert document["calls"] == 1
    assert document["budgets"][0]["cap"] == "1"
    assert done.stderr.startswith("LLMCap: 1 call, $0.0000")
    assert done.stderr.endswith("(gpt-4o-mini-2024-07-18); $0.9999 of $1.00 left\n")


def test_the_companys_proxy_is_chained_and_hears_no_refusal(user: User) -> None:
    """It saw the one call that was made; a refused one opens no connection at all."""
    user.run("--cap", "1", "--", *CURL)
    assert user.company.targets == ["api.openai.com:443"]
    user.run("--cap", NOTHING, "--", *CURL)
    assert user.company.targets == ["api.openai.com:443"]


def test_the_companys_proxy_gets_its_password(provider: ProviderHandle, tmp_path: Path) -> None:
    """Credentials in the variable are sent, decoded as a URL has them."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port), credentials="me:p@ss") as company:
        url = company.url.replace("//", "//me:p%40ss@")
        user = User(provider, company, tmp_path, {"HTTPS_PROXY": url})
        assert user.run("--cap", "1", "--", *CURL).stdout == "200\n"


def test_other_hosts_pass_undecrypted(user: User) -> None:
    """`localhost` is no provider's: the client sees the server's own certificate."""
    done = user.run(
        "--", "curl", "-sS", "--noproxy", "", "--cacert", str(user.provider.ca),
        "https://localhost/v1/models", "-o", os.devnull, "-w", "%{http_code}\n",
    )  # fmt: skip
    assert done.stdout == "200\n", done.stderr
    assert user.company.targets == ["localhost:443"]


def test_a_host_of_the_config_is_metered(user: User) -> None:
    """A gateway of the user's own is capped as the provider that it is like."""
    config = user.home / "llmcap.yaml"
    config.write_text(
        "providers: [{host: localhost, like: openai, prices: openai}]\n"
        "budgets: [{name: all, cap: $1}]\n"
    )
    there = [word.replace("api.openai.com", "localhost") for word in CURL]
    done = user.run("--config", str(config), "--", *there, "--noproxy", "")
    assert (done.stdout, done.returncode) == ("200\n", 0)
    assert user.spent_nanos() == user.provider.nanos() > 0


# --- at the cap ----------------------------------------------------------------------------------


def test_at_the_cap_the_exit_code_is_124(user: User) -> None:
    """Whatever the command made of its 429."""
    done = user.run("--cap", NOTHING, "--", *CURL)
    assert (done.stdout, done.returncode) == ("429\n", 124)
    assert "1 refused" in done.stderr
    assert user.provider.nanos() == 0


def test_the_commands_own_code_can_be_kept(user: User) -> None:
    """For scripts that read it."""
    done = user.run(
        "--cap", NOTHING, "--preserve-status", "--", "sh", "-c", f"{shlex.join(CURL)}; exit 7"
    )
    assert (done.stdout, done.returncode) == ("429\n", 7)


def test_a_stream_is_cut_cleanly_in_the_middle_of_a_burst(user: User) -> None:
    """What came in the same read as the last chunk is dropped, and nothing crashes on it."""
    user.provider.scenario(length="20000")
    config, log = user.home / "llmcap.yaml", user.home / "log"
    config.write_text(
        "budgets: [{name: cap, cap: 0.004, every: run, hold: sliced}]\nclamp: false\n"
    )
    stream = json.dumps({**CALL, "stream": True, "max_tokens": 16000})
    curl = ("curl", "-sS", "-N", URL, "-H", "authorization: Bearer sk-fake", "-d", stream)
    done = user.run("--config", str(config), "--log", str(log), "--", *curl)
    assert "LLMCap stopped" in done.stdout[-2000:]
    assert "1 cut off" in done.stderr
    assert done.returncode == 124
    assert "crashed" not in log.read_text()


def test_each_run_has_its_own_cap(user: User) -> None:
    """What an earlier run has spent does not stop this one."""
    for _ in range(2):
        assert user.run("--cap", "1 requests", "--", *CURL).returncode == 0


def test_a_named_budget_is_shared_by_all_runs(user: User) -> None:
    """`--also ci:...` stands in the ledger: the second run finds it used up."""
    assert user.run("--also", "ci:1 requests/month", "--", *CURL).returncode == 0
    done = user.run("--cap", "5", "--also", "ci:1 requests/month", "--", *CURL)
    assert done.returncode == 124
    assert "0 of 1 requests left in ci" in done.stderr


def test_github_gets_an_error_line_and_a_summary(user: User) -> None:
    """The job shows why it stopped without anyone reading its log."""
    summary = user.home / "summary.md"
    user.more |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = user.run("--cap", NOTHING, "--", *CURL)
    assert "::error title=LLMCap::The spend cap is reached (cap)." in done.stderr
    assert "**1 call refused, 0 cut off.**" in summary.read_text()


# --- whose fault it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(
            ["--cap", "5 euros", "--", "true"], 125, "--cap: '5 euros' is not a cap", id="cap"
        ),
        pytest.param(["--also", "50", "--", "true"], 125, "expected NAME:CAP", id="also"),
        pytest.param(
            ["--config", "/nowhere.yaml", "--", "true"], 125, "/nowhere.yaml", id="config"
        ),
        pytest.param(["--ledger", "/proc/x/l", "--", "true"], 125, "/proc/x", id="ledger"),
        pytest.param(["--log", "/nowhere/log", "--", "true"], 125, "/nowhere/log", id="log"),
        pytest.param(["--", "/etc/passwd"], 126, "cannot be run", id="not-a-program"),
        pytest.param(["--", "no-such-command"], 127, "is not found", id="not-there"),
        pytest.param(["--", "sh", "-c", "exit 3"], 3, "0 calls", id="the-command"),
        pytest.param(["--", "sh", "-c", "kill -9 $$"], 137, "0 calls", id="a-signal"),
    ],
)
def test_a_failure_has_its_code_and_a_sentence(
    user: User, words: list[str], code: int, said: str
) -> None:
    """A user's mistake is no traceback, and what is wrong with us is 125."""
    done = user.run(*words)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code


def test_a_capped_run_that_nothing_came_by_says_where_to_look(user: User) -> None:
    """A program that reads no variable spends on, and its last line must not look like a cap."""
    assert "llmcap doctor -- COMMAND" in user.run("--cap", "5", "--", "true").stderr
    assert "llmcap doctor" not in user.run("--", "true").stderr


def test_a_run_without_a_cap_says_so_before_its_command_starts(user: User) -> None:
    """Not only when the money is spent; with a cap, or --quiet, there is nothing to say."""
    said = "LLMCap: no cap is set"
    shown = user.run("--", "sh", "-c", "echo started >&2").stderr.splitlines()
    assert shown[0].startswith(said)
    assert shown[1] == "started"
    assert said not in user.run("--cap", "1", "--", "true").stderr
    assert said not in user.run("--quiet", "--", "true").stderr


def test_a_proxy_that_cannot_be_chained_stops_the_run(user: User) -> None:
    """Rather than going round the company's proxy."""
    user.more["HTTPS_PROXY"] = "socks5://company:1080"
    done = user.run("--", "true")
    assert done.returncode == 125
    assert "HTTPS_PROXY=socks5://company:1080" in done.stderr


# --- processes -----------------------------------------------------------------------------------


def test_children_of_the_command_are_covered(user: User) -> None:
    """A shell that starts a shell that starts curl."""
    done = user.run("--cap", NOTHING, "--", "sh", "-c", f"(sh -c {shlex.quote(shlex.join(CURL))})")
    assert (done.stdout, done.returncode) == ("429\n", 124)


def test_a_run_inside_a_run_is_counted_once(user: User) -> None:
    """The inner proxy is chained to the outer one, whose ledger has every call."""
    llmcap = (sys.executable, "-m", "llmcap.cli", "run")
    done = user.run("--cap", "1", "--", *llmcap, "--cap", "2", "--", *CURL)
    assert (done.stdout, done.returncode) == ("200\n", 0)
    assert user.spent_nanos() == user.provider.nanos() > 0
    assert "of $2.00 left" in done.stderr
    assert "of $1.00 left" in done.stderr


def test_the_outer_cap_binds_a_run_inside(user: User) -> None:
    """An agent that starts `llmcap run --cap 1000` wins nothing."""
    llmcap = (sys.executable, "-m", "llmcap.cli", "run")
    done = user.run("--cap", NOTHING, "--", *llmcap, "--cap", "1000", "--", *CURL)
    assert (done.stdout, done.returncode) == ("429\n", 124)


def test_a_killed_run_leaves_no_proxy_and_a_sound_ledger(user: User) -> None:
    """SIGKILL: the port is closed at once, what was in flight is accounted for by the next run."""
    user.provider.scenario(length="4000", token_seconds=0.01)
    stream = json.dumps({**CALL, "stream": True, "max_tokens": 4000})
    script = f"echo $LLMCAP_PROXY; exec curl -sS {URL} -d '{stream}' -H 'authorization: Bearer x'"
    with user.start("--cap", "1", "--", "sh", "-c", script) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        while "gpt-4o-mini" not in process.stdout.readline():
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait(COMMAND_SECONDS)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=COMMAND_SECONDS)
        # curl, whose stream is broken, ends by itself.
        process.communicate(timeout=COMMAND_SECONDS)
    user.provider.scenario()
    assert user.run("--cap", "1", "--", *CURL).returncode == 0
    deadline = time.monotonic() + COMMAND_SECONDS
    while user.spent_nanos() < user.provider.nanos() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert user.spent_nanos() >= user.provider.nanos() > 0


def test_nothing_is_written_but_for_our_own_folder(user: User) -> None:
    """No certificate is installed, no shell is changed."""
    user.run("--cap", "1", "--", *CURL)
    assert [path.name for path in user.home.iterdir()] == ["data"]
    assert [path.name for path in (user.home / "data").iterdir()] == ["llmcap"]
