"""Promise: kills leave nothing: a few of the thousand of `scripts/soak --profile long`."""

import os
import random

import pytest

from adversary.killed import kill_many

from .people import User

KILLS = int(os.environ.get("LLMCAP_TEST_KILLS", "60"))


@pytest.mark.slow
def test_nothing_is_left_of_runs_that_are_killed(user: User) -> None:
    """Random parts at random moments; the seed is in the message of a failure."""
    seed = os.environ.get("LLMCAP_TEST_SEED", str(random.randrange(10**6)))
    figures, broken = kill_many(user.home, user.environ, user.provider, kills=KILLS, seed=seed)
    assert not broken, "\n".join((seed, figures, *broken))
