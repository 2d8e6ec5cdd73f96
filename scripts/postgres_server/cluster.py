"""The folder of some servers, and the keeper that removes it with them."""

import itertools
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from postgres_server import keeper
from postgres_server.programs import Programs, programs
from postgres_server.server import Server

STANDBY = "standby"


@dataclass
class Cluster:
    """Makes servers; none of them outlives the process that has it."""

    folder: Path
    keeper: "subprocess.Popen[str]"
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    _servers: list[Server] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @cached_property
    def programs(self) -> Programs:
        """PostgreSQL's, with which the servers are made and run."""
        return programs(self.folder)

    def server(self, **settings: str) -> Server:
        """A new server that answers; `settings` are those of `postgresql.conf`."""
        server = self._place(settings)
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o600)
        self.programs.give(secret)
        self.programs.run(
            "initdb",
            *("-D", str(server.data), "-U", "postgres", f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--no-sync", "--no-instructions"),
            log=server.log,
        )
        server.start()
        return server

    def standby(self, primary: Server) -> Server:
        """
        A standby of a server, whose commits wait from now on until they are on both.

        When the primary is gone, the standby is promoted; a URL of both hosts with
        `target_session_attrs=read-write` finds it.
        """
        standby = self._place({"hot_standby": "on"})
        source = (
            f"host=127.0.0.1 port={primary.port} user=postgres password={self.password} "
            f"application_name={STANDBY}"
        )
        self.programs.run(
            "pg_basebackup",
            *("-d", source, "-D", str(standby.data), "--wal-method=stream"),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
            log=standby.log,
        )
        standby.start()
        primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
        primary.execute("SELECT pg_reload_conf()")
        # The standby has the setting of its primary, and nobody to wait for once it is promoted.
        standby.settings["synchronous_standby_names"] = ""
        return standby

    def _place(self, settings: dict[str, str]) -> Server:
        data = self.folder / f"data-{next(self._numbers)}"
        data.mkdir(mode=0o700)
        self.programs.give(data)
        server = Server(data, self.programs, self.password, self._tell, settings=settings)
        server.log.touch(mode=0o600)
        self._servers.append(server)
        return server

    def _tell(self, line: str) -> None:
        assert self.keeper.stdin is not None
        self.keeper.stdin.write(line + "\n")
        self.keeper.stdin.flush()

    def close(self) -> None:
        """Stop what runs, and remove the folder."""
        for server in self._servers:
            server.stop()
        self._tell("end")
        self.keeper.wait()
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A folder for servers, for as long as the block."""
    folder = Path(tempfile.mkdtemp(prefix="llmcap-postgres-"))
    watching = subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, str(folder)],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    folder.chmod(0o711)  # the servers' user goes through it
    made = Cluster(folder, watching)
    try:
        yield made
    finally:
        made.close()
