"""A proxy that stands: found while it lives, and no longer."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from llmcap.launch import standing
from llmcap.words.errors import ConfigError

HOLDER = """
import os, sys, time
from llmcap.launch import standing
with standing.bind(0) as listener, standing.announced(listener, ledger="l", environ=os.environ):
    print(listener.getsockname()[1], flush=True)
    time.sleep(60)
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a user with an empty home."""
    return {**os.environ, "XDG_DATA_HOME": str(tmp_path)}


def test_without_one_there_is_none(environ: dict[str, str]) -> None:
    """A folder that was never made is no error."""
    assert standing.find(environ) is None


def test_one_is_found_while_it_runs(environ: dict[str, str]) -> None:
    """By another process, with its port; a second one is not let in."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        found = standing.find(environ)
        assert found is not None
        assert (found.pid, found.port, found.ledger) == (process.pid, port, "l")
        assert found.url(project="web") == f"http://web@127.0.0.1:{port}"
        with (
            pytest.raises(ConfigError, match="a proxy of yours is up at"),
            standing.bind(0) as listener,
            standing.announced(listener, ledger="l", environ=environ),
        ):
            raise AssertionError("two at once")
        process.kill()
        process.wait()
    # What it wrote is still there, but nobody holds the lock.
    assert (standing.folder(environ) / "state.json").exists()
    assert standing.find(environ) is None


def test_who_looks_as_it_begins_does_not_keep_it_from_beginning(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` itself looks whether its proxy stands by now, with the same lock."""
    standing.folder(environ).mkdir(parents=True)
    looking = (standing.folder(environ) / "lock").open("wb")
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(standing.time, "sleep", lambda _: looking.close())
    with (
        standing.bind(0) as listener,
        standing.announced(listener, ledger="l", environ=environ),
    ):
        assert looking.closed
        assert standing.find(environ) is not None


def test_what_is_left_after_its_end_says_so(environ: dict[str, str]) -> None:
    """The state goes with it."""
    with standing.bind(0) as listener:
        with standing.announced(listener, ledger="l", environ=environ):
            assert json.loads((standing.folder(environ) / "state.json").read_text())
        assert not (standing.folder(environ) / "state.json").exists()
    assert standing.find(environ) is None


def test_a_port_in_use_is_told() -> None:
    """With the way out."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match=r"cannot be listened on.*\nhint: --port"),
    ):
        standing.bind(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "found_at"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")]
)
def test_another_address_is_listened_on_and_told(
    host: str, found_at: str, environ: dict[str, str]
) -> None:
    """All addresses are reached at loopback, from here; one address at that one only."""
    with (
        standing.bind(0, host) as listener,
        standing.announced(listener, ledger="l", environ=environ),
    ):
        found = standing.find(environ)
        assert found is not None
        assert found.url() == f"http://{found_at}:{found.port}"
        socket.create_connection((found_at, found.port)).close()


@pytest.mark.parametrize("host", ["proxy.example.com", "::1", "1.2.3", ""])
def test_what_is_no_address_of_ours_is_told(host: str) -> None:
    """A name may lead anywhere."""
    with pytest.raises(ConfigError, match=r"no IPv4 address\nhint: 127\.0\.0\.1 is for"):
        standing.bind(0, host)


def test_an_address_of_another_machine_is_told() -> None:
    """With the address."""
    with pytest.raises(ConfigError, match=r"192\.0\.2\.7:0 cannot be listened on"):
        standing.bind(0, "192.0.2.7")
