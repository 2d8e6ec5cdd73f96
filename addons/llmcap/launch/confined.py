"""A confined command beside its proxy: what it is given, and what is told of it in the end."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmcap.confine import places
from llmcap.confine.egress import Egress
from llmcap.confine.forked import Forked, Waiting
from llmcap.confine.gate import Gate, Gates
from llmcap.confine.handover import Handed, Lent
from llmcap.confine.inward import Inward
from llmcap.confine.start import Prepared, UnstartableError
from llmcap.launch import child, environment
from llmcap.launch.behind import Place
from llmcap.words import paths

FOLDER = "confine"
NAMES_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Through:
    """The way out through a proxy that stands: whose calls they are there, and with which keys."""

    handed: Handed
    user: str = ""
    lent: Sequence[Lent] = ()


class Confined:
    """
    How one command is started, in the child that is `waiting` if there is one; once it was, what it
    tried. Raises `ConfigError` when made.
    """

    def __init__(
        self,
        egress: Egress,
        place: Place,
        environ: Mapping[str, str],
        way: Gates | Through,
        *,
        hidden: Sequence[Path] = (),
        waiting: Waiting | None = None,
    ) -> None:
        self._egress = egress
        self._way = way
        self._gate: Gate | Handed | None = None
        self._prepared: Prepared | None = None
        self._process: Forked | None = None
        self._waiting = waiting
        shown = places.mounts(place.trust.bundle, folder=paths.data_folder(environ) / FOLDER)
        self._mounts = [*shown, *((Path(os.devnull), file) for file in hidden)]
        self.environ = environment.confined(environ, trust=place.trust)

    def prepare(
        self, command: Sequence[str], environ: Mapping[str, str], *, apart: int | None = None
    ) -> None:
        """
        Make its network, before the proxy's thread begins: see `Prepared`, and its `apart`.

        Raises `ConfinementError`: it never runs outside.
        """
        self._prepared = Prepared(
            command, environ,
            egress=self._egress, mounts=self._mounts, serve=self._serve, apart=apart,
            waiting=self._waiting,
        )  # fmt: skip

    def start(self, command: Sequence[str], environ: Mapping[str, str]) -> Forked:
        """For `child.run`: what was prepared with the same words. Raises `CommandError`."""
        assert self._prepared is not None, environ
        prepared, self._prepared = self._prepared, None
        try:
            self._process = prepared.go()
        except UnstartableError as error:
            missing = OSError(error.number, os.strerror(error.number), command[0])
            raise child.unstartable(command[0], missing) from error
        return self._process

    def tend(self) -> None:
        """For `child.run`: see `Forked.tend`."""
        if self._process is not None:
            self._process.tend()

    def abandon(self) -> None:
        """Where it was prepared, and is not to be started any more."""
        if self._prepared is not None:
            self._prepared.abandon()

    def _serve(self, inward: Inward) -> None:
        way = self._way
        if isinstance(way, Gates):
            self._gate = Gate(inward, self._egress)
            way.add(self._gate)
        else:
            self._gate = way.handed
            way.handed.let_out(inward, self._egress, user=way.user, lent=way.lent)

    def attempts(self) -> int:
        """How many ways past the proxy were stopped. To be asked before the proxy ends."""
        return self._gate.attempts() if self._gate is not None else 0

    def notes(self) -> list[str]:
        """What the user should know: hosts that the rules kept it from."""
        denied = self._gate.denied if self._gate is not None else {}
        if not denied:
            return []
        shown = sorted(denied)[:NAMES_SHOWN_MAX]
        more = f" and {len(denied) - len(shown)} more" if len(denied) > len(shown) else ""
        asked = f"the command asked for {', '.join(shown)}{more}"
        return [f"{asked}, which it may not reach: --allow-host HOST lets it"]
