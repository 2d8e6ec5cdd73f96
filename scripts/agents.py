"""
Real agents behind `llmcap run`, against a provider on loopback that bills: the table in the docs.

Each agent is installed from npm or PyPI, and run three times with one prompt: with money enough,
with a cap below any call, and with a cap that ends in the middle of an answer. Shown are the calls
that reached the proxy, how much longer than the first run the agent took to give up, and whether
LLMCap's sentence was on its screen. Needs a network for the installation only; the keys are fake,
and every host but the providers' is answered by nobody.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle, provider_process
from fake_provider.tls import HOSTS
from readme_table import Table

TOOLS = ROOT / ".venv-agents"  # ignored by git, as every `.venv-*`
RUN_SECONDS_MAX = 300
SENTENCE = "LLMCap stopped"

KEYS = {
    "ANTHROPIC_API_KEY": "sk-ant-api03-fake",
    "OPENAI_API_KEY": "sk-fake",
    "GEMINI_API_KEY": "fake",
}

ENOUGH = "5"
NOTHING = "0.00001"
LONG_ANSWER = "20000"  # tokens, far beyond the caps below
TOKEN_SECONDS = 0.002  # as fast as the fastest models; a stream is cut while it is generated

# How much more than its bill a cut answer may cost: it never told what its prompt has read, and how
# a provider writes the tools into a prompt is bounded, not known.
CUT_ABOVE_PERCENT = 25

# How much longer than with money an agent may take to give up.
PATIENCE_SECONDS = 10

TABLE = Table(
    "agents",
    "| agent | with money enough | at the cap: calls, longer by, exit | in mid-answer | day |\n"
    "| --- | --- | --- | --- | --- |\n",
)


def nanos_of(usd: str) -> int:
    """Nano-dollars of an amount as a report has it, read without LLMCap's own reader."""
    whole, _, fraction = usd.partition(".")
    return int(whole + f"{fraction:0<9}")


@dataclass(frozen=True, slots=True)
class Agent:
    """One program: where it comes from, and how it is given a prompt without a terminal."""

    name: str
    package: str  # npm's, or PyPI's after `pypi:`
    command: tuple[str, ...]  # the first word is looked up in the folder of its installation
    cut_cap: str  # dollars: carries the prompt and some of the answer
    cut_environ: Mapping[str, str] = field(default_factory=dict)  # set for that answer only
    known: str = ""  # why it does not end as it is promised

    @property
    def folder(self) -> Path:
        """Where it is installed: each Python program in an environment of its own."""
        name = self.package.removeprefix("pypi:") if self.package.startswith("pypi:") else "npm"
        return TOOLS / name

    @property
    def programs(self) -> Path:
        """The folder of its commands."""
        return self.folder / ("bin" if self.package.startswith("pypi:") else "node_modules/.bin")


PROMPT = "Say hello."
AGENTS = (
    Agent(
        "Claude Code", "@anthropic-ai/claude-code",
        ("claude", "--model", "claude-haiku-4-5", "-p", PROMPT), cut_cap="0.09",
        # What a model thinks does not all show in the stream, so that is never cut: it is clamped,
        # and Claude Code asks for the rest, which is refused.
        cut_environ={"MAX_THINKING_TOKENS": "0"},
    ),
    Agent(
        "Codex", "@openai/codex",
        ("codex", "exec", "--skip-git-repo-check", "-m", "gpt-4o-mini",
         # A search has a fee, which is held: no answer would be long enough to be cut.
         "-c", 'web_search="disabled"', PROMPT), cut_cap="0.006",
    ),
    Agent(
        "Gemini CLI", "@google/gemini-cli",
        ("gemini", "--skip-trust", "-m", "gemini-2.5-flash", "-p", PROMPT), cut_cap="0.008",
    ),
    Agent(
        "opencode", "opencode-ai",
        ("opencode", "run", "-m", "openai/gpt-4o-mini", PROMPT), cut_cap="0.008",
    ),
    Agent(
        "aider", "pypi:aider-chat",
        ("aider", "--model", "gpt-4o-mini", "--no-git", "--yes-always", "--no-check-update",
         "--no-show-model-warnings", "--no-show-release-notes", "--no-analytics",
         "--message", PROMPT), cut_cap="0.004",
        known="its `--message` ends with 0 whatever the error",
    ),
    Agent("llm", "pypi:llm", ("llm", "-m", "gpt-4o-mini", PROMPT), cut_cap="0.003"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of an agent."""

    seconds: float
    exit_code: int  # of `llmcap run --preserve-status`: the agent's own
    report: dict[str, Any]
    billed_nanos: int
    screen: str

    @property
    def calls(self) -> int:
        """Requests that cost, or would have."""
        return int(self.report["calls"]) + int(self.report["refused"])

    @property
    def booked_nanos(self) -> int:
        """What the ledger has."""
        return nanos_of(self.report["cost_usd"])

    @property
    def exact(self) -> bool:
        """Whether the ledger has what the provider billed, to the nano-dollar."""
        return self.booked_nanos == self.billed_nanos

    @property
    def covered(self) -> bool:
        """The same where an answer was cut: never less, and not much more."""
        most = self.billed_nanos * (100 + CUT_ABOVE_PERCENT) // 100
        return self.billed_nanos <= self.booked_nanos <= most

    @property
    def sentence(self) -> bool:
        """Whether the user could read why it stopped; terminals break lines where they like."""
        return SENTENCE.replace(" ", "") in "".join(self.screen.split())


def main() -> None:
    """Install, run, print the table."""
    parser = argparse.ArgumentParser(prog="scripts/agents", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="run one agent, such as `codex`")
    parser.add_argument("--confine", action="store_true", help="each in a network of its own")
    parser.add_argument("--write", action="store_true", help="put the rows into the README")
    parser.add_argument("--screens", type=Path, metavar="FOLDER", help="keep what the agents print")
    options = parser.parse_args()
    chosen = [a for a in AGENTS if not options.only or options.only.lower() in a.name.lower()]
    install(chosen)
    print(TABLE.head, end="")
    failed = False
    for agent in chosen:
        outcomes = run_agent(agent, options.screens, confine=options.confine)
        line = row(agent, *outcomes)
        print(line, flush=True)
        if options.write:
            TABLE.write(agent.name, line, [each.name for each in AGENTS])
        enough, capped, cut = outcomes
        longer = capped.seconds - enough.seconds
        metered = enough.exact and capped.exact and cut.covered and capped.billed_nanos == 0
        failed |= not (metered and capped.sentence and longer < PATIENCE_SECONDS)
    sys.exit(failed)


def row(agent: Agent, enough: Outcome, capped: Outcome, cut: Outcome) -> str:
    """One line of the table."""
    longer = capped.seconds - enough.seconds
    exact = "to the nano-dollar" if enough.exact else f"NOT exact: billed {enough.billed_nanos}"
    cells = [
        f"{agent.name} ({version(agent)})",
        f"{_calls(enough)}, metered {exact}",
        f"{_calls(capped)}, {longer:+.1f} s, exit {capped.exit_code}, {_seen(capped)}"
        + (f"; {agent.known}" if agent.known else ""),
        f"{_calls(cut)}, exit {cut.exit_code}, {_ended(cut)}",
        f"{datetime.now(UTC):%Y-%m-%d}",
    ]
    return f"| {' | '.join(cells)} |"


def _calls(outcome: Outcome) -> str:
    return f"{outcome.calls} call{'' if outcome.calls == 1 else 's'}"


def _seen(outcome: Outcome) -> str:
    return "our sentence shown" if outcome.sentence else "our sentence NOT shown"


def _ended(outcome: Outcome) -> str:
    if not outcome.report["cut"] and not outcome.report["refused"]:
        return "shorter answer: its output limit was lowered to what is left"
    # What a model thinks unseen is held whole, and may not fit where a part would.
    return _seen(outcome) + ("" if outcome.billed_nanos else "; refused before it began")


# --- running -------------------------------------------------------------------------------------


def run_agent(
    agent: Agent, screens: Path | None, *, confine: bool
) -> tuple[Outcome, Outcome, Outcome]:
    """The three runs, each with a bill of its own, in one home: what a first start asks is past."""
    how = ["--confine"] if confine else []
    with stage() as (provider, company), tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        enough = run_once(agent, home, provider, company, [*how, "--cap", ENOUGH])
        capped = run_once(agent, home, provider, company, [*how, "--cap", NOTHING])
        provider.scenario(length=LONG_ANSWER, token_seconds=TOKEN_SECONDS)
        budget = {"name": "cap", "cap": agent.cut_cap, "every": "run", "hold": "sliced"}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            # With `clamp` the provider itself would end the answer, at the limit that is left.
            json.dump({"budgets": [budget], "clamp": False}, config)
            config.flush()
            options = [*how, "--config", config.name]
            cut = run_once(agent, home, provider, company, options, agent.cut_environ)
    outcomes = (enough, capped, cut)
    if screens is not None:
        screens.mkdir(parents=True, exist_ok=True)
        for name, outcome in zip(("enough", "capped", "cut"), outcomes, strict=True):
            (screens / f"{agent.name}-{name}.txt").write_text(outcome.screen, encoding="utf-8")
    return outcomes


@contextmanager
def stage() -> Iterator[tuple[ProviderHandle, CompanyProxy]]:
    """The provider, and the company's proxy that leads its names to it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        provider_process(Path(folder)) as provider,
        CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company,
    ):
        yield provider, company


def run_once(
    agent: Agent,
    home: Path,
    provider: ProviderHandle,
    company: CompanyProxy,
    options: Sequence[str],
    more: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Start `llmcap run OPTIONS -- AGENT` in an empty folder, and wait for its end."""
    provider.reset()
    work, report = home / "work", home / "report.json"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    command = [
        sys.executable, "-m", "llmcap", "run", "--preserve-status", "--report", str(report),
        *options, "--", str(agent.programs / agent.command[0]), *agent.command[1:],
    ]  # fmt: skip
    environ = {
        **KEYS,
        "PATH": f"{TOOLS}/npm/node_modules/.bin:{os.environ['PATH']}",
        "HOME": str(home),
        "TERM": "dumb",
        "PYTHONPATH": str(ROOT / "addons"),
        "HTTPS_PROXY": company.url,
        "SSL_CERT_FILE": str(provider.ca),
        **more,
    }
    began = time.monotonic()
    try:
        done = subprocess.run(
            command, env=environ, cwd=work, stdin=subprocess.DEVNULL, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_SECONDS_MAX,
            errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        sys.exit(f"{agent.name} did not end within {RUN_SECONDS_MAX} s: {expired.output!r}")
    seconds = time.monotonic() - began
    return Outcome(
        seconds=seconds,
        exit_code=done.returncode,
        report=json.loads(report.read_text(encoding="utf-8")),
        billed_nanos=provider.nanos(),
        screen=done.stdout,
    )


# --- installing ----------------------------------------------------------------------------------


def install(agents: Iterable[Agent]) -> None:
    """Install what is missing: npm's programs in one folder, each of PyPI's in an environment."""
    missing = [agent for agent in agents if not (agent.programs / agent.command[0]).exists()]
    packages = [agent.package for agent in missing if not agent.package.startswith("pypi:")]
    if packages:
        # Gemini CLI wants a newer Node than many systems have.
        words = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(TOOLS / "npm")]
        call([*words, "node@24", *packages])
    for agent in missing:
        if agent.package.startswith("pypi:"):
            package = agent.package.removeprefix("pypi:")
            call([sys.executable, "-m", "venv", str(agent.folder)])
            installer = [str(agent.programs / "python"), "-m", "pip", "install", "--quiet"]
            if uv := shutil.which("uv"):
                installer = [uv, "pip", "install", "--quiet", "--python",
                             str(agent.programs / "python")]  # fmt: skip
            call([*installer, package])


def call(command: Sequence[str]) -> None:
    """Run a command whose output is for nobody but who looks for its failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def version(agent: Agent) -> str:
    """The number in what its `--version` prints."""
    environ = {**os.environ, "PATH": f"{TOOLS}/npm/node_modules/.bin:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(agent.programs / agent.command[0]), "--version"], env=environ, text=True,
        capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=RUN_SECONDS_MAX,
    )  # fmt: skip
    words = (word.strip("(),") for word in done.stdout.split())
    return next((word for word in words if word[:1].isdigit()), "")


if __name__ == "__main__":
    main()
