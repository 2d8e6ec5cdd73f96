"""
One connection to PostgreSQL: made late, given up when it fails, and its errors in our words.

psycopg comes with the extra `llmcap-mitmproxy[postgres]` and is imported where it is first needed.
No message of ours has the password.
"""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Generator, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from llmcap.words.errors import ConfigError, TreasuryError, TreasuryUnreachable

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")

# How long a connection may take to be made, and a packet to be acknowledged, before it is given up.
CONNECT_SECONDS = 3
SILENT_MILLISECONDS = 3_000
ANSWER_SECONDS = 4
# A statement that waits longer than this for a lock is not waiting for one of ours.
STATEMENT_MILLISECONDS = 10_000
# How often a transaction is tried that PostgreSQL could not order among the others, as it says by
# these codes: a serialization failure, a deadlock; and a key, a schema, a table that somebody else
# has just made, as `IF NOT EXISTS` does not wait for who is about to.
TRIES = 20
_UNORDERED = ("40001", "40P01", "23505", "42P06", "42P07")
# A statement that was prepared is not there, or is there already: a pooler in between has changed
# the connection behind ours with the transaction.
_UNPREPARED = ("26000", "42P05")
PREPARED_AFTER = 5  # times that a statement was executed

# What the role or the database is set to is not made for us, and a proxy that stands still within a
# transaction must not keep its locks from the others. For one transaction only: behind a pooler
# somebody else has the connection next.
_BOUNDED = "SELECT " + ", ".join(
    f"set_config('{name}', '{milliseconds}', true)"
    for name, milliseconds in (
        ("statement_timeout", STATEMENT_MILLISECONDS),
        ("idle_in_transaction_session_timeout", STATEMENT_MILLISECONDS),
        ("lock_timeout", 0),
    )
)

# By the code of the error, or the beginning of it: what is wrong, and the move. What time may cure
# comes first: https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSING = {
    "40": "it could not order our step among what else is done in it",
    "08": "the connection broke",
    "57P": "it is starting or stopping",
    "53300": "it has no connection to spare",
    "53100": "its disk is full",
    "53": "it has no resources to spare",
    "25006": "it is a standby, or set so that it may only be read",
    "25P": "a transaction took too long",
    "55P03": "a lock was not to be had",
    "57014": "a statement took too long",
}
_LASTING = {
    "28": ("it refused the user or the password", "check both in `treasury:`"),
    "3D000": ("there is no database of this name", "create it, or name another one"),
    "42501": (
        "the role may not do this",
        "let it create the schema `llmcap`, or own it: GRANT CREATE ON DATABASE ... TO ...",
    ),
}
# Errors before there is a session have no code, only the client library's English.
_UNTOLD_PASSING = re.compile("too many (clients|connections)|connection slots are reserved")
_UNTOLD = (
    ("password authentication failed", _LASTING["28"]),
    ("no password supplied", (
        "it wants a password",
        "put one into `treasury:`, or into a ~/.pgpass that only its owner can read",
    )),
    ("does not support SSL", (
        "TLS is required and the server has none",
        "let the server offer TLS, or say `?sslmode=prefer` where the network is your own",
    )),
    ("no encryption|SSL required", (
        "the server wants TLS and this connection has none", "say `?sslmode=require`"
    )),
    ("certificate verify failed", (
        "its certificate is not one that this machine trusts",
        "name the authority with `?sslrootcert=FILE`",
    )),
    ("root certificate file", (
        "its certificate cannot be looked at, as the file of authorities is not there",
        "name one with `?sslrootcert=FILE`, or those of this machine with `?sslrootcert=system`",
    )),
    ("does not match host name", (
        "its certificate is for another host",
        "connect to the host that it is for, or say `?sslmode=verify-ca`",
    )),
    ("channel binding required", (
        "channel binding is required and the server has none", "say `?channel_binding=prefer`"
    )),
    ("unsupported startup parameter", (
        "a pooler in between does not take all that the address asks for",
        "leave `options` out of the address, or let the pooler ignore them",
    )),
    ("no pg_hba.conf entry", ("it lets nobody in from this machine", "check its pg_hba.conf")),
    ('role "[^"]*" does not exist', ("there is no such role", "check the user in `treasury:`")),
    ("not permitted to log in", (
        "the role may not log in", "let it: ALTER ROLE ... LOGIN, or name another"
    )),
    ("permission denied for database", (
        "the role may not connect to this database", "let it: GRANT CONNECT ON DATABASE ... TO ..."
    )),
    ('database "[^"]*" does not exist', _LASTING["3D000"]),
    ("definition of service", (
        "its service is not defined", "check ~/.pg_service.conf, or the file in PGSERVICEFILE"
    )),
)  # fmt: skip


# What libpq itself cannot read in an address, which no time cures. It may quote all of the address.
_UNREADABLE = re.compile(
    r"invalid (?:port number|integer value|percent-encoded token|URI query parameter|\w+ value)"
    r"|URI\b|percent-encoded"
)

EXPECTED = (
    "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, where : / @ % ? in a password are "
    "written as %3A %2F %40 %25 %3F"
)


def check_url(url: str) -> str:
    """The address of a treasury, if it is one. Raises `ConfigError`."""
    rest = url.partition("://")[2]
    at_host = re.split("[/?]", rest)[0].count("@")
    marked = at_host == rest.count("@") <= 1  # else a piece of a password would pass for a host
    if not url.startswith(SCHEMES) or not rest.strip("/") or not marked:
        raise ConfigError(f"the treasury is no address of a PostgreSQL database: {EXPECTED}")
    return url


class Wire:
    """The connection of one thread."""

    def __init__(self, url: str) -> None:
        self._url = check_url(url)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._prepares = True
        self.name = _name(url)

    def _connected(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """The connection; made where there is none."""
        if self._connection is None or self._connection.closed:
            self._connection = _connection_type().connect(
                self._url,
                autocommit=True,
                prepare_threshold=PREPARED_AFTER if self._prepares else None,
                client_encoding="UTF8",
                connect_timeout=CONNECT_SECONDS,
                keepalives_idle=1,
                keepalives_interval=1,
                keepalives_count=CONNECT_SECONDS,
                tcp_user_timeout=SILENT_MILLISECONDS,
                application_name="llmcap",
            )
            self._connection.isolation_level = _psycopg().IsolationLevel.READ_COMMITTED
            if not (self._connection.info.parameter_status("DateStyle") or "").startswith("ISO"):
                self._connection.execute("SET datestyle = ISO")  # psycopg reads no other
        return self._connection

    def close(self) -> None:
        """Let go of it; a later use connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def transaction[Result](self, step: Callable[[Any], Result]) -> Result:
        """Do this in one transaction; again, where PostgreSQL could not order it among others."""

        def once() -> Result:
            connection = self._connected()
            with connection.transaction():
                connection.execute(_BOUNDED)
                return step(connection)

        return self._ordered(once)

    def pipelined[Result](self, step: Callable[[Any], Callable[[], Result]]) -> Result:
        """
        The same in one round trip: `step` sends its statements, what it returns reads the results.
        """

        def once() -> Result:
            connection = self._connected()
            try:
                with connection.pipeline():
                    connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                    connection.execute(_BOUNDED)
                    result = step(connection)
                    connection.execute("COMMIT")
            except _psycopg().Error:
                # Some of what psycopg now takes for prepared was skipped behind the error.
                self.close()
                raise
            return result()

        return self._ordered(once)

    def _ordered[Result](self, once: Callable[[], Result]) -> Result:
        """Try it until PostgreSQL can order it among the others, up to a bound."""
        for _ in range(TRIES - 1):
            try:
                with self._explained():
                    return once()
            except TreasuryError as error:
                code = getattr(error.__cause__, "sqlstate", None)
                if code in _UNPREPARED and self._prepares:
                    self._prepares = False
                    self.close()
                elif code not in _UNORDERED:
                    raise
        with self._explained():
            return once()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except _psycopg().Error as error:
            if self._connection is not None and (self._connection.closed or _is_broken(error)):
                self.close()
            raise explained(error, self.name) from error


def explained(error: Exception, name: str) -> TreasuryError:
    """The same error in our words: which treasury, why, and the move."""
    code = getattr(error, "sqlstate", None) or ""
    said = " ".join(str(error).split())
    for prefix, (reason, move) in _LASTING.items():
        if code.startswith(prefix):
            return TreasuryError(f"the treasury {name}: {reason}\nhint: {move}")
    for prefix, why in _PASSING.items():
        if code.startswith(prefix):
            return TreasuryUnreachable(f"the treasury {name} cannot be used now: {why}")
    if not code:
        if _UNTOLD_PASSING.search(said):
            why = _PASSING["53300"]
            return TreasuryUnreachable(f"the treasury {name} cannot be used now: {why}")
        for words, (reason, move) in _UNTOLD:
            if re.search(words, said):
                return TreasuryError(f"the treasury {name}: {reason}\nhint: {move}")
        if unreadable := _UNREADABLE.search(said):
            what = unreadable[0] if " " in unreadable[0] else "it cannot be read"
            return TreasuryError(
                f"the treasury {name} has an address that cannot be used: {what}\nhint: {EXPECTED}"
            )
        return TreasuryUnreachable(f"the treasury {name} cannot be reached: {_last(said)}")
    return TreasuryError(f"the treasury {name} refused a step of ours: {said} ({code})")


def _is_broken(error: Exception) -> bool:
    code = getattr(error, "sqlstate", None) or ""
    return not code or code.startswith(("08", "57P", "25006"))


def _last(said: str) -> str:
    """What libpq says in the end: before that it repeats the address."""
    last = re.split(" Is the server running| This probably means", said.rpartition("failed: ")[2])[
        0
    ]
    return last[:200] or "it did not answer"


def _name(url: str) -> str:
    """An address for people: its host and database, and no user or password."""
    rest = url.split("://", 1)[1].partition("?")[0]
    return rest.rpartition("@")[2].strip("/") or "(as its parameters say)"


@cache
def _connection_type() -> Any:
    """
    A connection that waits for an answer only so long.

    TCP alone does not tell of a server that stands still, or of one in between that takes every
    packet and delivers none.
    """
    psycopg = _psycopg()

    class Connection(psycopg.Connection):  # type: ignore[misc, name-defined]
        def wait(self, generator: Any, *how: Any, **named: Any) -> Any:
            return super().wait(self._bounded(generator), *how, **named)

        def _bounded(self, generator: Any) -> Generator[Any, Any, Any]:
            """psycopg asks it again every tenth of a second, with nothing that is ready."""
            deadline = time.monotonic_ns() + ANSWER_SECONDS * 10**9
            try:
                wanted = next(generator)
                while True:
                    ready = yield wanted
                    if not ready and time.monotonic_ns() > deadline:
                        self.close()
                        raise psycopg.OperationalError(f"no answer for {ANSWER_SECONDS} seconds")
                    wanted = generator.send(ready)
            except StopIteration as end:
                return end.value

    return Connection


def _psycopg() -> Any:
    try:
        import psycopg  # noqa: PLC0415 - an extra, and a tenth of a second to import
    except ImportError as error:
        raise TreasuryError(
            "`treasury:` needs psycopg, which is not installed\n"
            "hint: pip install 'llmcap-mitmproxy[postgres]'"
        ) from error
    # That a pipeline ends behind an error is told as an exception already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    return psycopg
