"""
How long hypothesis looks, and that no test looks at what the user of this machine has.

`fast` is for every day, `--hypothesis-profile=deep` for a night. Neither has a deadline: a machine
that is busy with something else is no reason for a test to fail.
"""

import gc
import os
import re
import signal
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from postgres_server import Server, cluster

settings.register_profile("fast", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("fast")

# The user's own ledger, config and certificates are no business of a test, nor are its settings;
# those that begin with LLMCAP_TEST_ are for tests.
HOME = tempfile.TemporaryDirectory(prefix="llmcap-tests-")
os.environ.update(
    XDG_DATA_HOME=f"{HOME.name}/data",
    XDG_CONFIG_HOME=f"{HOME.name}/config",
    XDG_RUNTIME_DIR=HOME.name,
)
for name in [each for each in os.environ if re.match("LLMCAP_(?!TEST_)", each)]:
    del os.environ[name]


# A shell that runs the tests in the background has them ignore these, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


# Ten thousand tests and what they import stay to the end: looking through them for garbage, again
# and again, was seven percent of the CPU of the tests that start nothing.
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on garbage is looked for among what the tests make."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for other programs first: no long one is left over for the end."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    HOME.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL for all tests of this process that ask for one."""
    with cluster() as made:
        yield made.server()


@pytest.fixture
def database(postgres: Server) -> str:
    """A connection string of an empty database that no other test has."""
    return postgres.new_database()
