"""The PostgreSQL that tests get: apart from each other, hard to kill, and gone with its owner."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from postgres_server import Server, cluster
from postgres_server.programs import may_run, programs

ROOT = Path(__file__).resolve().parents[2]

# A process that starts a server, says where, and dies of SIGKILL.
DOOMED = """
import os, signal
from postgres_server import cluster
with cluster() as made:
    print(made.folder, made.server().port, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_database_is_empty_and_apart(postgres: Server) -> None:
    """What a test writes is seen by no other."""
    first, second = postgres.new_database(), postgres.new_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE seen (at int)")
    with psycopg.connect(second) as connection:
        found = connection.execute("SELECT to_regclass('seen')").fetchone()
    assert found == (None,)


def test_what_was_committed_survives_a_kill(postgres: Server, database: str) -> None:
    """And the server comes back where it was."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE seen AS SELECT 7 AS at")
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database)
    postgres.start()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT at FROM seen").fetchone() == (7,)


def test_a_wrong_password_is_refused(database: str, postgres: Server) -> None:
    """So that what we say of that can be tested."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.replace(postgres.password, "guessed"))


def test_nothing_is_left_of_a_process_that_was_killed() -> None:
    """Neither its server nor its folder."""
    path = os.pathsep.join([str(ROOT / "scripts")])
    done = subprocess.run(
        [sys.executable, "-c", DOOMED],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    folder, port = done.stdout.split()
    while Path(folder).exists():
        time.sleep(0.02)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")


def test_programs_of_a_closed_folder_run_from_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's home is closed to the user that runs PostgreSQL for root."""
    if os.geteuid() != 0:
        pytest.skip("only root runs it as somebody else")
    shut = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(shut) and folder != shut:
            folder.chmod(0o711)
    monkeypatch.setattr("postgres_server.programs.may_run", lambda *_: False)
    copied = programs(tmp_path / "copy")
    assert copied.folder.is_relative_to(tmp_path)
    assert copied.user is not None
    assert copied.group is not None
    assert may_run(copied.folder / "postgres", copied.user, copied.group)


@pytest.mark.slow
def test_a_standby_has_all_that_was_committed() -> None:
    """A commit waits for it, so that a primary can be lost."""
    with cluster() as made:
        primary = made.server()
        standby = made.standby(primary)
        primary.execute("CREATE TABLE seen AS SELECT 7 AS at")
        both = f"{primary.address},{standby.address}/postgres?target_session_attrs=read-write"
        primary.kill()
        standby.promote()
        with psycopg.connect(f"postgresql://postgres:{primary.password}@{both}") as connection:
            connection.execute("INSERT INTO seen VALUES (8)")
            assert connection.execute("SELECT sum(at) FROM seen").fetchone() == (15,)
