"""
`llmcap run --confine --through-up`: a confined command whose proxy is that of `llmcap up`.

There is no proxy, no ledger and no budget of its own. Keys of the config are read here, put in by
the standing proxy for as long as the command runs, and kept by nobody.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from llmcap.assembly import policy_of, settings_from
from llmcap.confine.egress import Egress
from llmcap.confine.forked import Waiting
from llmcap.confine.handover import Handed, Lent
from llmcap.confine.joined import join, wait_for
from llmcap.launch import child, standing
from llmcap.launch.behind import prepare
from llmcap.launch.confined import Confined, Through
from llmcap.launch.farewell import stopped
from llmcap.launch.run import Wanted, egress_of
from llmcap.launch.swapped import Swapped
from llmcap.shell.process import project_of
from llmcap.words.errors import ConfigError
from llmcap.words.told import lines


def run(
    wanted: Wanted,
    *,
    environ: Mapping[str, str] = os.environ,
    stderr: TextIO | None = None,
    waiting: Waiting | None = None,
) -> int:
    """
    Run the command, in the child that is `waiting` if there is one; its exit code. Raises
    `LLMCapError` where it was not started.

    Its calls count for `--project`, else for the checkout that it is started in.
    """
    found = _standing(wanted, environ)
    policy = policy_of(settings_from(cap="", config=wanted.config, ledger="", environ=environ))
    egress = egress_of(wanted, policy)
    if egress is None:
        raise ConfigError("--through-up is for a confined command\nhint: add --confine")
    swapped = Swapped(policy, environ)
    if swapped.keys.aws is not None:
        raise ConfigError(
            "keys: aws: is for a proxy of the command's own, which signs with it\n"
            "hint: leave out --through-up"
        )
    place = prepare(environ, found.hosts)
    way = Through(
        Handed(standing.folder(environ)),
        user=wanted.project or project_of(str(Path.cwd())),
        lent=[Lent(key.provider, key.real, key.stand_in) for key in swapped.keys.keys],
    )
    confined = Confined(egress, place, environ, way, hidden=swapped.hidden(), waiting=waiting)
    given = swapped.environ(confined.environ)
    with child.signals_held():
        confined.prepare(wanted.command, given)
        try:
            code = child.run(wanted.command, given, started=confined.start, tend=confined.tend)
        finally:
            confined.abandon()
    past = confined.attempts()
    way.handed.close()
    if not wanted.quiet:
        told = [*confined.notes(), *([stopped(past)] if past else [])]
        for line in told:
            print(lines(f"LLMCap: {line}"), file=stderr or sys.stderr)
    return code


def attend(pid: int, egress: Egress, *, project: str, tell: Callable[[str], None]) -> None:
    """
    Serve a process that runs already, in a network of its own, until it ends.

    Raises `LLMCapError` where its network cannot be joined, or has other ways out.
    """
    handed = Handed(standing.folder())
    handed.let_out(join(pid, egress), egress, user=project)
    tell(f"the network of process {pid} leads to LLMCap until it ends")
    wait_for(pid)
    past = handed.attempts()
    handed.close()
    if past:
        tell(f"LLMCap: {stopped(past)}")


def _standing(wanted: Wanted, environ: Mapping[str, str]) -> standing.Standing:
    for option, given in (
        ("--cap", wanted.cap), ("--also", wanted.also), ("--ledger", wanted.ledger),
        ("--report", wanted.report), ("--log", wanted.log),
    ):  # fmt: skip
        if given:
            raise ConfigError(
                f"{option} is for a proxy of the command's own: with --through-up it is that of "
                "`llmcap up`, whose budgets and ledger hold"
            )
    found = standing.find(environ)
    if found is None:
        raise ConfigError("no proxy is up\nhint: `llmcap up` starts one")
    return found
