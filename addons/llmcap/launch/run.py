"""
`llmcap run`: a private proxy for one command, from before its start until after its end.

Settings, ledger and certificate are checked first; then the command starts, while mitmproxy is
still being imported: its first connections wait in the socket. The proxy runs in a thread of this
process, so nothing of it is left when the process is gone, however it ends.
"""

import dataclasses
import os
import re
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from llmcap.assembly import Settings, firewall_for, policy_of, settings_from
from llmcap.budgets.budget import parse_short
from llmcap.confine.egress import Egress, read_egress
from llmcap.confine.forked import Waiting
from llmcap.launch import child, environment, farewell, strays
from llmcap.launch.behind import prepare
from llmcap.launch.confined import Confined
from llmcap.launch.notes import Notes
from llmcap.launch.proxythread import ProxyThread
from llmcap.launch.setup import Setup
from llmcap.launch.swapped import Swapped
from llmcap.launch.tally import Tally, left_document, tallied
from llmcap.ledger import MEMORY, Ledger
from llmcap.walk.attributes import Facts
from llmcap.words.errors import ConfigError
from llmcap.words.records import Balance, Budget, Policy, Scope
from llmcap.words.told import lines

EXIT_CAPPED = 124

# A lone `--cap 5` is for this run: a budget for ever would stop the next run at its first call.
CAP_EVERY = "run"

UNCAPPED = "LLMCap: no cap is set: calls are metered and none is stopped; --cap 5 sets one"

# Programs that start another one, whose name comes next on their command line.
STARTERS = re.compile(
    r"python[\d.]*|py|node|bun|bunx|deno|npx|npm|pnpm|yarn|uv|uvx|pipx|run|exec|dlx|x|tool|env|"
    r"nice|nohup|time|sudo|caffeinate|stdbuf|[^ ]*=[^ ]*"
)
STARTERS_MAX = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says."""

    command: tuple[str, ...]
    cap: str = ""
    also: tuple[str, ...] = ()  # NAME:CAP
    project: str = ""
    config: str = ""
    ledger: str = ""
    report: Path | None = None
    log: Path | None = None
    preserve_status: bool = False
    quiet: bool = False
    confine: bool | None = None  # None: as the config says
    ports: tuple[int, ...] = ()  # these four of a confined command: see `confine.egress`
    reach: tuple[int, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    deny_other_hosts: bool = False
    through_up: bool = False  # see `throughup`


def run(
    wanted: Wanted,
    *,
    environ: Mapping[str, str] = os.environ,
    stderr: TextIO | None = None,
    waiting: Waiting | None = None,
) -> int:
    """
    Run the command behind a proxy of its own; the exit code to leave with.

    A confined one runs in the child that is `waiting`, if there is one.

    Raises `LLMCapError` where nothing was started, or where the proxy failed under the command.
    """
    began = time.monotonic()
    policy, settings = settle(wanted, environ)
    egress = egress_of(wanted, policy)
    if egress is None and waiting is not None:  # a config that is not in force said so
        waiting.drop()
    swapped = Swapped(policy, environ)
    upstream = environment.upstream_proxy(environ)
    place = prepare(environ)
    tally, notes = Tally(), Notes()
    proxy = ProxyThread(
        Setup(confdir=place.confdir, roots=place.roots, upstream=upstream),
        socket.create_server(("127.0.0.1", 0), backlog=512),
        addon_maker(
            policy, settings, facts=facts_of(wanted), tally=tally, notes=notes, swapped=swapped
        ),
    )  # fmt: skip
    confined: Confined | None = None
    left: list[str] = []

    with notes.from_logs(wanted.log), tempfile.TemporaryDirectory(prefix="llmcap-") as folder:
        if egress is not None:
            confined = Confined(
                egress, place, environ, proxy.gates, hidden=swapped.hidden(), waiting=waiting
            )
            given = confined.environ
        else:
            given = place.environ(environ, proxy_url=proxy.url)
            given |= strays.apart(environ, Path(folder))

        if not (policy.budgets or wanted.quiet):
            print(UNCAPPED, file=stderr or sys.stderr, flush=True)
        code = beside(
            proxy, wanted.command, swapped.environ(given), confined=confined,
            ended=lambda: left.extend(strays.stop(proxy.url, Path(folder))),
        )  # fmt: skip
    past = confined.attempts() if confined is not None else None
    elsewhere = [] if tally.saw_any else strays.before(program_of(wanted.command))
    seconds = time.monotonic() - began
    if tally.capped and not wanted.preserve_status:
        code = EXIT_CAPPED
    seen_past = strays.told_of(elsewhere)
    if policy.budgets and confined is None and not (tally.saw_any or elsewhere):
        seen_past = farewell.UNSEEN
    last_words = farewell.line(
        tally, uncapped=not policy.budgets, past=past or 0, elsewhere=seen_past
    )
    if not wanted.quiet or elsewhere:
        told = [*notes.lines(), *left, *(confined.notes() if confined is not None else ())]
        for line in (*(f"LLMCap: {note}" for note in told), last_words):
            print(lines(line), file=stderr or sys.stderr)
    for line in farewell.tell_github(tally, last_words, environ):
        print(lines(line), file=stderr or sys.stderr)
    if wanted.report is not None:
        farewell.write_report(wanted.report, farewell.report(
            tally, command=wanted.command, exit_code=code, seconds=seconds, project=wanted.project,
            past=past, elsewhere=[str(each) for each in elsewhere],
        ))  # fmt: skip
    return code


def egress_of(wanted: Wanted, policy: Policy) -> Egress | None:
    """Where a confined command may go; None for one that is not confined. Raises `ConfigError`."""
    egress = read_egress(
        ports=wanted.ports or policy.confine_ports, reach=wanted.reach,
        allow_hosts=wanted.allow_hosts, deny_others=wanted.deny_other_hosts,
    )  # fmt: skip
    if policy.confine if wanted.confine is None else wanted.confine:
        return egress
    for option, given in (
        ("--reach", wanted.reach), ("--port", wanted.ports), ("--allow-host", wanted.allow_hosts),
        ("--deny-other-hosts", wanted.deny_other_hosts),
    ):  # fmt: skip
        if given:
            raise ConfigError(f"{option} is for a confined command\nhint: add --confine")
    return None


def facts_of(wanted: Wanted) -> Facts:
    """What holds for every call of the run."""
    return Facts(proxy_user=wanted.project, cwd=str(Path.cwd()), program=program_of(wanted.command))


def program_of(command: Sequence[str]) -> str:
    """
    The program that a command line is about, past what only starts it.

    >>> program_of(["/usr/bin/python3.12", "-m", "aider", "--message", "hi"])
    'aider'
    """
    names = [Path(word).name.lower() for word in command if not word.startswith("-")]
    for name in names[:STARTERS_MAX]:
        if not STARTERS.fullmatch(name):
            return name
    return ""


def settle(wanted: Wanted, environ: Mapping[str, str]) -> tuple[Policy, Settings]:
    """
    Policy and ledger of the run: the config's budgets, after those of the command line.

    Inside another run, whose proxy counts the same calls, a ledger of its own is kept in memory:
    the shared one would hold every call twice.
    """
    settings = settings_from(
        cap=wanted.cap, config=wanted.config, ledger=wanted.ledger, environ=environ
    )
    policy = policy_of(dataclasses.replace(settings, cap=""))
    budgets: list[Budget] = []
    if settings.cap:
        budgets.append(_budget("cap", settings.cap, every=CAP_EVERY, option="--cap"))
    for text in wanted.also:
        name, colon, cap = text.partition(":")
        if not (name and colon and cap):
            raise ConfigError(f"--also {text}: expected NAME:CAP, such as ci:50/day")
        budgets.append(_budget(name, cap, every="once", option="--also"))
    names = [budget.name for budget in (*budgets, *policy.budgets)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"there are two budgets named {name!r}: rename one")
    policy = dataclasses.replace(policy, budgets=(*budgets, *policy.budgets))

    standing = any(budget.every != CAP_EVERY for budget in policy.budgets)
    if environment.is_inside(environ) and not standing and not wanted.ledger:
        settings = dataclasses.replace(settings, ledger=MEMORY)
    return policy, dataclasses.replace(settings, cap="")


def _budget(name: str, text: str, *, every: str, option: str) -> Budget:
    try:
        return parse_short(text, name=name, every=every)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from error


def addon_maker(
    policy: Policy,
    settings: Settings,
    *,
    facts: Facts,
    tally: Tally,
    notes: Notes,
    swapped: Swapped | None = None,
) -> Callable[[], Callable[[], Sequence[object]]]:
    """What `ProxyThread` wants: first the firewall, and with it, later, the addon."""
    run_id = secrets.token_hex(8)

    def balances(ledger: Ledger) -> list[tuple[Scope, Balance]]:
        return ledger.balances(datetime.now(UTC), policy.budgets, run_id=run_id)

    def open_ledger() -> Callable[[], Sequence[object]]:
        firewall = firewall_for(policy, settings, notify=notes.event, run_id=run_id)
        ledger = firewall.shared.ledger = tallied(firewall.ledger, tally, balances=balances)

        def status() -> dict[str, Any]:
            left = [left_document(*row) for row in balances(ledger)]
            return {**tally.as_json(), "budgets": left}

        def addons() -> Sequence[object]:
            # They import mitmproxy.
            from llmcap.addon import LLMCap  # noqa: PLC0415
            from llmcap.launch.statuspage import StatusPage  # noqa: PLC0415
            from llmcap.shell.swapping import Swapping  # noqa: PLC0415

            page = StatusPage(status, tally.cost_by_session.get)
            if swapped is None or not swapped.keys:
                return [page, LLMCap(firewall, facts=facts)]
            swapping = Swapping(swapped.keys)
            return [swapping, page, LLMCap(firewall, facts=facts, sign=swapping.sign)]

        return addons

    return open_ledger


def beside(
    proxy: ProxyThread,
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    confined: Confined | None = None,
    ended: Callable[[], None] = lambda: None,
) -> int:
    """
    Run the command while the proxy serves; the command's exit code.

    `ended` is called when one that knew the proxy's address has ended, and the proxy has not.
    """
    with child.signals_held():
        if confined is not None:
            confined.prepare(command, environ)
        proxy.start()
        try:
            proxy.check()
            if confined is not None:
                code = child.run(command, environ, started=confined.start, tend=confined.tend)
            else:
                code = child.run(command, environ)
                ended()
            if proxy.failed:
                proxy.check()
        finally:
            if confined is not None:
                confined.abandon()
            proxy.stop()
    return code
