"""
Promise: whatever a user types, a command answers with data or with a message, never a traceback.

Every subcommand, every option that takes a value and every argument is given what it cannot use:
folders and foreign files for paths, times that no calendar has, numbers that no integer holds, text
that is no text. What changes the machine is only shown, by `--dry-run`; the commands that start
something are in `launch` and `e2e`.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from books import budget, call, demand, scopes, settled
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger import open_ledger
from llmcap.words.records import Admit

ROOT = Path(__file__).resolve().parents[2]

WORDS = [
    "",
    "x",
    "-1",
    "$",
    "nan",
    "9999999999w",
    "0001-01-01",
    "9" * 30,
    "\udce9",  # what the shell gives for a byte that is no UTF-8
    "a\nb",
]
FILES = ["text", "folder", "empty", "nowhere/file", "/dev/null", "/proc/1/no", ""]
CONFIGS = ["bad.yaml", "loop.yaml", "deep.yaml", "nul.yaml", "latin.yaml", *FILES]

# They start a proxy, a program or a screen.
STARTERS = {"up", "run", "top", "doctor"}


def leaves(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every subcommand that does something, with its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from leaves(child, *path, name)


LEAVES = {" ".join(path): command for path, command in leaves(main) if path[0] not in STARTERS}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger that was used, and with files that are none and no config."""
    for name in ("LLMCAP_CONFIG", "LLMCAP_LEDGER", "LLMCAP_CAP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    (tmp_path / "home").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no ledger, no config: nothing\n" * 200)
    (tmp_path / "empty").write_text("")
    (tmp_path / "bad.yaml").write_text("budgets: [{name: a, cap: banana}]\n")
    (tmp_path / "loop.yaml").write_text("budgets: &a [*a]\n")
    (tmp_path / "deep.yaml").write_text("[\n" * 5_000)
    (tmp_path / "nul.yaml").write_bytes(b"a: \0\n")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    path = tmp_path / "data" / "llmcap" / "ledger.sqlite3"
    path.parent.mkdir(parents=True)
    ledger = open_ledger(path)
    budgets = [budget("5/day", name="all"), budget("1/day", name="each", per=["project"])]
    ledger.define(budgets)
    made = call(at=datetime.now(UTC), project="red")
    decision = ledger.hold(made, scopes(budgets, made, run=""), demand(1_000))
    assert isinstance(decision, Admit)
    ledger.end(decision.hold, settled(900, tokens=3))
    ledger.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mistakes(words: list[str], command: click.Command) -> Iterator[list[str]]:
    """The command lines to try."""
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = [each for each in command.params if isinstance(each, click.Option)]
    start = list(words)
    for flag in ("--dry-run", "--yes"):  # nothing is done, nobody is asked
        if any(flag in option.opts for option in options):
            start.append(flag)
            break
    required = ["x" for argument in arguments if argument.required]
    yield start
    yield [*start, "--no-such-option"]
    yield [*start, *"abcdef"]
    for option in options:
        if not option.is_flag:
            paths = isinstance(option.type, click.Path)
            values = CONFIGS if "--config" in option.opts else FILES if paths else WORDS
            yield from ([*start, option.opts[0], value, *required] for value in values)
    for word in WORDS if arguments else []:
        yield [*start, "--", *[word] * max(1, len(required))]


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.usefixtures("place")
def test_no_mistake_has_a_traceback(name: str) -> None:
    """Data on stdout and 0, or a message on stderr, nothing on stdout, and another exit code."""
    tried = 0
    for words in mistakes(name.split(), LEAVES[name]):
        result = CliRunner().invoke(main, words, input="")
        shown = f"llmcap {words}: {result.output}"
        assert isinstance(result.exception, SystemExit | None), shown
        assert result.exit_code in (0, 1, 2), shown
        assert "Traceback" not in result.output, shown
        if result.exit_code:
            assert result.stderr.strip(), shown
            assert result.stdout == "", shown
        tried += 1
    assert tried >= 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["log", "--since", "9999999999w"], "'9999999999w' is no time"),
        (["report", "--until", "0001-01-01"], "'0001-01-01' is no time"),
        (["log", "--project", "\udce9"], "is not UTF-8"),
        (["log", "--ledger", ""], "it is empty: expected the path of a file"),
        (["run", "--cap", "", "--", "true"], "it is empty: expected a cap such as 5 or 5/day"),
        (["staus"], "There is no command 'staus': is it status"),
        (["prices", "gpt-4p"], "hint: is it gpt-4"),
        (["prices", "openai/gpt-4p"], "hint: is it openai/gpt-4"),
        (["import"], "has no sessions of Claude Code"),
        (["up", "--cap", " "], "it is empty: expected a cap such as 5 or 5/day"),
        (["config", "check", "loop.yaml"], "loop.yaml:1: this is nested too deeply, or in itself"),
        (["config", "check", "deep.yaml"], "deep.yaml:1: this is nested too deeply, or in itself"),
        (["budget", "set", "all", "5 tokens"], "'5 tokens' is in tokens, but the budget 'all' in"),
        (["config", "check", "no pe.yaml"], "hint: `llmcap config init 'no pe.yaml'` writes"),
        (["reconcile", "--api", "foo"], "hint: there are openai, anthropic, openrouter, xai"),
        (["reconcile", "--api", "openai"], "--api needs --key env:NAME"),
        (["budget", "raise", "all", "-5"], "'-5' is not a cap"),
        (["up", "--port", "abc"], "'abc' is no port: expected a whole number from 0 to 65535"),
        (["log", "-n", "0"], "'0' is no count: expected a whole number from 1 to 2147483648"),
        (["top", "--every", "0"], "expected a number of at least 0.1"),
        (["env", "--unset"], "no variables of `llmcap env`: there is nothing to unset"),
        (["budget", "raise", "each", "1"], "hint: those that count now: red"),
        (["budget", "pause", "al"], "there is no budget named 'al'; there are: all, each"),
        (["service", "install", "--dry-run", "--cap", "banana"], "the option cap: "),
        (["service", "install", "--dry-run", "--prot", "1"], "No such option '--prot'"),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("place")
def test_the_message_says_what_to_do(words: list[str], said: str) -> None:
    """Which value it was, and what was expected."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_every_option_that_is_a_number_says_its_bounds() -> None:
    """The words of the library say nothing of what was expected: 'not a valid integer range'."""
    plain = (click.types.IntParamType, click.types.FloatParamType)
    found = [
        f"llmcap {' '.join(path)} {option.opts[0]}"
        for path, command in leaves(main)
        for option in command.params
        if isinstance(option.type, plain)
    ]
    assert found == []


@pytest.mark.parametrize("words", [["--help"], ["prices"], ["config", "schema"]], ids=" ".join)
def test_a_full_disk_is_a_message(words: list[str]) -> None:
    """The output could not be written, and that is said."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "llmcap.cli", *words], stdout=full, stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT / "addons")}, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == "llmcap: No space left on device\n"
    assert done.returncode == 2


def test_a_reader_that_leaves_is_no_mistake() -> None:
    """`llmcap prices | head -1`."""
    script = f"{sys.executable} -m llmcap.cli prices | head -1"
    done = subprocess.run(
        ["sh", "-c", script], env={"PYTHONPATH": str(ROOT / "addons"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
