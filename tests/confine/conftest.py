"""Commands in networks of their own, without a proxy."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmcap.confine.egress import read_egress
from llmcap.confine.forked import Forked
from llmcap.confine.inward import Inward
from llmcap.confine.start import ConfinementError, start

EGRESS = read_egress(ports=(), reach=(5432,), allow_hosts=(), deny_others=False)


class Ground:
    """Starts commands; `inwards` are what leads out of their networks."""

    def __init__(self) -> None:
        self.inwards: list[Inward] = []

    def start(
        self, *command: str, mounts: list[tuple[Path, Path]] | None = None, **environ: str
    ) -> Forked:
        """With these variables beside the PATH."""
        return start(
            command, {"PATH": os.environ["PATH"], **environ},
            egress=EGRESS, mounts=mounts or [], serve=self.inwards.append,
        )  # fmt: skip

    def code(self, *command: str) -> int:
        """The exit code of a command."""
        return self.start(*command).wait(300)


@pytest.fixture
def ground() -> Iterator[Ground]:
    """The ground, where this kernel has one."""
    made = Ground()
    try:
        made.code("true")
    except ConfinementError as error:
        pytest.skip(str(error))
    yield made
    for inward in made.inwards:
        inward.close()
