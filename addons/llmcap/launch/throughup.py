"""
`llmcap run --confine --through-up`: a confined command whose proxy is that of `llmcap up`.

There is no proxy, no ledger and no budget of its own. Keys of the config are read here, put in by
the standing proxy for as long as the command runs, and kept by nobody.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from llmcap.assembly import policy_of, settings_from
from llmcap.confine.egress import Egress
from llmcap.confine.forked import Waiting
from llmcap.confine.handover import Handed, Lent
from llmcap.confine.joined import join, wait_for
from llmcap.keys.aws import Aws
from llmcap.keys.swap import Keys
from llmcap.launch import child, standing
from llmcap.launch.behind import prepare
from llmcap.launch.confined import Confined, Through
from llmcap.launch.farewell import stopped
from llmcap.launch.run import Wanted, egress_of
from llmcap.launch.swapped import Swapped
from llmcap.shell.process import project_of
from llmcap.words.errors import ConfigError
from llmcap.words.told import lines

LOOK_SECONDS = 60


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
    place = prepare(environ, found.hosts)
    lent = lent_of(swapped.keys)
    way = Through(
        Handed(standing.folder(environ)),
        user=wanted.project or project_of(str(Path.cwd())),
        lent=lent,
    )
    confined = Confined(egress, place, environ, way, hidden=swapped.hidden(), waiting=waiting)
    given = swapped.environ(confined.environ)
    renewing = Renewing(swapped.keys.signers, lent, way.handed.renew)
    with child.signals_held():
        confined.prepare(wanted.command, given)
        try:
            renewing.start()
            code = child.run(wanted.command, given, started=confined.start, tend=confined.tend)
        finally:
            renewing.stop()
            confined.abandon()
    past = confined.attempts()
    way.handed.close()
    if not wanted.quiet:
        told = [*confined.notes(), *([stopped(past)] if past else [])]
        for line in told:
            print(lines(f"LLMCap: {line}"), file=stderr or sys.stderr)
    return code


def lent_of(keys: Keys) -> list[Lent]:
    """What the proxy that stands needs to know to swap them."""
    plain = [Lent(key.provider, key.real, key.stand_in) for key in keys.keys]
    return [*plain, *map(signing, keys.signers)]


def signing(signer: Aws) -> Lent:
    """The same of credentials that sign, as they are now. Raises `ConfigError`."""
    return Lent(signer.provider, signer.current().told(), signer.signs_with().told(), signs=True)


class Renewing:
    """
    Credentials that run out, told anew while the command runs: what they are renewed with is here.

    AWS's package renews them some ten minutes before their end, when they are asked for.
    """

    def __init__(
        self,
        signers: Sequence[Aws],
        lent: Sequence[Lent],
        renew: Callable[[Sequence[Lent]], object],
    ) -> None:
        """`lent` are the keys as they were told when the command began."""
        self._signers, self._renew = signers, renew
        self._told = {each.stand_in: each for each in lent}
        self._over = threading.Event()

    def start(self) -> None:
        """Look after them, if there are any, in a thread: it may ask over the network."""
        if self._signers:
            threading.Thread(target=self._look, name="llmcap-keys", daemon=True).start()

    def stop(self) -> None:
        """No more."""
        self._over.set()

    def look_once(self) -> None:
        """Tell those that are others by now."""
        for signer in self._signers:
            with contextlib.suppress(ConfigError):  # those that there are may still do
                found = signing(signer)
                if found != self._told[found.stand_in]:
                    self._told[found.stand_in] = found
                    self._renew([found])

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.look_once()


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
