"""How a proxy becomes a node, and each way in which it cannot: one sentence, with the move."""

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from books import budget, call, demand, scopes, settled
from fleet import config, firewall, served

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury import tables
from llmcap.treasury.hands import Hands
from llmcap.treasury.postgres import PostgresTreasury
from llmcap.treasury.wire import Wire, explained
from llmcap.words.errors import LedgerError, LLMCapError, TreasuryUnreachable
from llmcap.words.records import Admit

# What is put in the place of parts of the config, and what is said then.
CASES = [
    pytest.param({"PASSWORD": "guessed"}, "it refused the user or the password", id="password"),
    pytest.param({"HOST": "127.0.0.1:1"}, "cannot be reached: .*efused", id="nobody there"),
    pytest.param({"HOST": "nowhere.invalid"}, "cannot be reached: ", id="no such host"),
    pytest.param({"HOST": "127.0.0.1:99999"}, "used: invalid port number", id="no port"),
    pytest.param({"HOST": "[::1"}, "used: it cannot be read", id="half an address"),
    pytest.param(
        {"DATABASE": "DATABASE?sslmode=yes"}, "used: invalid sslmode value", id="no such mode"
    ),
    pytest.param({"PASSWORD@": "a/PASSWORD@"}, "no address .*%2F", id="a path for a password"),
    pytest.param({"PASSWORD@": "a?PASSWORD@"}, "no address .*%3F", id="a query for a password"),
    pytest.param({"PASSWORD@": "a@PASSWORD@"}, "no address .*%40", id="two hosts"),
    pytest.param({"PASSWORD@": "a@b/PASSWORD@"}, "no address .*%40", id="a host in a password"),
    pytest.param(
        {"@HOST/DATABASE": "@/DATABASE?service=missing"}, "service is not defined", id="no service"
    ),
    pytest.param({"PASSWORD@": "%zzPASSWORD@"}, "percent-encoded token", id="no escape"),
    pytest.param({"postgresql:": "mysql:"}, "no address of a PostgreSQL", id="another scheme"),
    pytest.param({"DATABASE": "missing"}, "no database of this name", id="no such database"),
    pytest.param({"DATABASE": "DATABASE?sslmode=require"}, "TLS is required", id="no TLS"),
]


@pytest.mark.parametrize(("changes", "said"), CASES)
def test_what_cannot_be_used_is_said_at_the_start(postgres, database, tmp_path, changes, said):
    """Nothing runs, and no message has the password."""
    host, name = postgres.address, database.rpartition("/")[2]
    text = config("postgresql://postgres:PASSWORD@HOST/DATABASE")
    for old, new in [*changes.items(), ("PASSWORD", postgres.password), ("HOST", host)]:
        text = text.replace(old, new)
    with pytest.raises(LLMCapError, match=said) as found:
        firewall(tmp_path / "ledger", text.replace("DATABASE", name))
    assert postgres.password not in str(found.value)
    told = str(found.value)
    assert "\nhint: " in told or "cannot be reached" in told or "expected postgresql" in told


@pytest.mark.parametrize(
    ("libpq", "said"),
    [
        ('no pg_hba.conf entry for host "::1", user "u", no encryption', "the server wants TLS"),
        ("FATAL:  SSL required", "the server wants TLS"),
        ("channel binding required but not supported by server", "channel binding is required"),
        ("FATAL:  unsupported startup parameter: options", "leave `options` out of the address"),
        ("server does not support SSL, but SSL was required", "TLS is required"),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "=system"),
        ("SSL error: certificate verify failed", "not one that this machine trusts"),
        ('server certificate for "db" does not match host name "::1"', "is for another host"),
    ],
)
def test_what_is_wrong_with_tls_is_said_with_the_move(libpq, said):
    """Before there is a session the client library says it in English only."""
    error = psycopg.OperationalError(f'connection to server at "::1", port 5432 failed: {libpq}')
    found = explained(error, "db.example.com/llmcap")
    assert not isinstance(found, TreasuryUnreachable)
    assert said in str(found)
    assert "\nhint: " in str(found)


@pytest.mark.parametrize(
    ("libpq", "said"),
    [
        ('role "limited" is not permitted to log in', "may not log in"),
        ('permission denied for database "books"', "may not connect to this database"),
        ('role "nobody" does not exist', "there is no such role"),
        ('database "nowhere" does not exist', "there is no database of this name"),
        ('too many connections for role "limited"', "no connection to spare"),
        ('too many connections for database "books"', "no connection to spare"),
        ("sorry, too many clients already", "no connection to spare"),
        ("remaining connection slots are reserved for roles with SUPERUSER", "no connection to"),
    ],
)
def test_what_keeps_a_role_out_is_not_taken_for_another_cause(libpq, said):
    """Those that time may cure are tried again, and have no move."""
    error = psycopg.OperationalError(f"connection failed: FATAL:  {libpq}")
    found = explained(error, "db.example.com/llmcap")
    assert said in str(found)
    assert isinstance(found, TreasuryUnreachable) == ("connection to" in said)
    assert isinstance(found, TreasuryUnreachable) != ("\nhint: " in str(found))


SET = {
    "client_encoding": "latin1", "datestyle": "'German, DMY'", "timezone": "'Asia/Kathmandu'",
    "default_transaction_isolation": "serializable", "lock_timeout": "99", "search_path": "nowhere",
    "standard_conforming_strings": "off", "statement_timeout": "500",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII"])
def test_how_a_database_is_set_changes_nothing(postgres, tmp_path, encoding):
    """Nor does its encoding: what was meant for others is not asked for."""
    name = f"set_{encoding.lower()}"
    postgres.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
    for setting, value in SET.items():
        postgres.execute(f"ALTER DATABASE {name} SET {setting} = {value}")
    node = firewall(tmp_path / "ledger", config(postgres.url(name)))
    served(node, 10_000_000, name="é", project="München")
    node.close()
    with Hands(postgres.url(name)) as hands:
        assert hands.balances()[0][1].spent == 10_000_000
    wire = Wire(postgres.url(name))
    asked = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
    assert wire.transaction(lambda db: db.execute(asked).fetchone()) == ("10s", "0")
    wire.close()


def test_what_is_asked_of_a_connection_is_asked_for_one_transaction(database):
    """A pooler gives it to somebody else after that; what the address asks for stays."""
    wire = Wire(f"{database}?options=-c%20work_mem%3D1234kB")
    names = ("statement_timeout", "idle_in_transaction_session_timeout", "work_mem")
    asked = f"SELECT {', '.join(f"current_setting('{name}')" for name in names)}"
    within = wire.transaction(lambda db: db.execute(asked).fetchone())
    assert within == ("10s", "10s", "1234kB")
    assert wire._connected().execute(asked).fetchone() == ("0", "0", "1234kB")
    wire.close()


def test_statements_that_a_pooler_has_lost_are_prepared_no_more(database):
    """The connection behind ours is another one, where what we prepared is not known."""
    wire = Wire(database)

    def one(db):
        return db.execute("SELECT 1 WHERE %s", (True,)).fetchone()

    for lost in range(3):
        for _ in range(10):
            assert wire.transaction(one) == (1,)
        assert wire._prepares == (lost == 0)
        wire._connected().execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    wire.close()


def test_tables_of_somebody_else_are_not_taken_for_ours(database, tmp_path):
    """In a schema of the same name."""
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("CREATE SCHEMA llmcap")
        db.execute("CREATE TABLE llmcap.budgets (money int)")
    with pytest.raises(LedgerError, match="tables that are not LLMCap's\nhint: name another"):
        firewall(tmp_path / "ledger", config(database))


def test_a_role_without_rights_is_told_which(postgres, database, tmp_path):
    """It may connect, and not make the tables."""
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("DROP ROLE IF EXISTS visitor")
        db.execute("CREATE ROLE visitor LOGIN PASSWORD 'visitor'")
    url = database.replace(f"postgres:{postgres.password}", "visitor:visitor")
    with pytest.raises(LedgerError, match=r"the role may not do this\nhint: .*GRANT CREATE"):
        firewall(tmp_path / "ledger", config(url))


def test_an_older_proxy_beside_a_newer_treasury_is_told_to_update(database, tmp_path):
    """By the names of the steps that it does not know; and a newer one takes them once."""
    with Hands(database):
        pass
    with psycopg.connect(database, autocommit=True) as db:
        applied = db.execute("SELECT name FROM llmcap.steps ORDER BY name").fetchall()
        assert [name for (name,) in applied] == [step.name for step in tables.STEPS]
        db.execute("INSERT INTO llmcap.steps (name) VALUES ('999_slices')")
    with pytest.raises(LedgerError, match=r"newer LLMCap \(999_slices\).*\nhint: update LLMCap"):
        firewall(tmp_path / "ledger", config(database))


def test_nodes_that_start_at_once_on_an_empty_database_all_make_its_tables(postgres):
    """One of them does, and the others find them."""
    for _ in range(3):
        url = postgres.new_database()
        treasuries = [PostgresTreasury(url) for _ in range(4)]
        for each in treasuries:
            each.wire.transaction(lambda db: db.execute("SELECT 1"))
        with ThreadPoolExecutor(len(treasuries)) as pool:
            for done in [pool.submit(each.prepare) for each in treasuries]:
                done.result()
        for each in treasuries:
            each.close()


def test_an_older_treasury_gets_what_it_misses(database):
    """Each step runs once, on a treasury of any earlier version."""
    treasury = PostgresTreasury(database)
    treasury.wire.transaction(lambda db: tables.migrate(db, tables.STEPS[:1]))
    treasury.prepare()
    rows = treasury.wire.transaction(
        lambda db: db.execute("SELECT name FROM llmcap.steps").fetchall()
    )
    assert {name for (name,) in rows} == {step.name for step in tables.STEPS}
    treasury.close()


def test_a_treasury_with_the_first_table_of_what_was_told_gets_the_present_one(database, tmp_path):
    """It had the step `003_told`, which is known for ever."""
    with psycopg.connect(database, autocommit=True) as db:
        with db.transaction():
            tables.migrate(db, tables.STEPS[:2])
        db.execute("CREATE TABLE llmcap.told (subject text PRIMARY KEY, at timestamptz NOT NULL)")
        db.execute("INSERT INTO llmcap.steps (name) VALUES ('003_told')")
        firewall(tmp_path / "ledger", config(database)).close()
        assert db.execute("SELECT key, node_id, until FROM llmcap.told").fetchall() == []


def test_a_node_with_other_budgets_is_told_the_difference(database, tmp_path):
    """The treasury's are those of the first; a change goes by `apply`."""
    firewall(tmp_path / "a", config(database)).close()
    with pytest.raises(LedgerError, match=r"'all' has cap \$7.00 here and \$5.00 in the"):
        firewall(tmp_path / "b", config(database, cap="7"))
    two = config(database).replace("]", ", {name: more, cap: 1}]")
    with pytest.raises(LedgerError, match=r"the config has 'more' .* the treasury not"):
        firewall(tmp_path / "b", two)
    with Hands(database) as hands:
        hands.apply([budget("7/day", name="all")], note="by a test")
    firewall(tmp_path / "b", config(database, cap="7")).close()
    with pytest.raises(LedgerError, match=r"'all' has cap \$5.00 here and \$7.00 in the"):
        firewall(tmp_path / "a", config(database))


def test_a_ledger_of_a_node_is_nobody_elses(database, tmp_path):
    """Not a lone proxy's, not another fleet's, not a hand's; and a ledger in memory is no node."""
    path = tmp_path / "ledger"
    firewall(path, config(database)).close()
    with pytest.raises(LLMCapError, match=r"is a node of a treasury .* names none"):
        firewall(path, "budgets: [{name: all, cap: 5, every: day}]")
    with contextlib.closing(SqliteLedger(path)) as ledger:
        (scope,) = scopes([budget("5/day", name="all")])
        with pytest.raises(LedgerError, match="kept by a treasury"):
            ledger.adjust(scope, raise_by=10**12)
        with pytest.raises(LedgerError, match="kept by a treasury"):
            ledger.pause(scope.budget)
    with pytest.raises(LLMCapError, match="cannot be a node"):
        firewall(":memory:", config(database))


def test_another_treasury_does_not_know_the_node(postgres, database, tmp_path):
    """As its allotments are not there."""
    firewall(tmp_path / "ledger", config(database)).close()
    other = postgres.new_database()
    with pytest.raises(LedgerError, match="does not know this node"):
        firewall(tmp_path / "ledger", config(other))


def test_two_proxies_on_one_ledger_or_a_copy_of_it_do_not_both_run(database, tmp_path):
    """The second is told so; the first goes on, and one that starts later than it ended too."""
    first = firewall(tmp_path / "ledger", config(database))
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "ledger")) as one,
        contextlib.closing(sqlite3.connect(tmp_path / "copy")) as two,
    ):
        one.backup(two)
    for name in ("ledger", "copy"):
        with pytest.raises(LedgerError, match="another proxy is this node"):
            firewall(tmp_path / name, config(database))
    assert not first.ledger._desk.stopped
    first.close()
    firewall(tmp_path / "ledger", config(database)).close()


def test_what_a_machine_spent_before_it_joined_counts(database, tmp_path):
    """A ledger with a past brings it along, but not what was raised there by hand."""
    path = tmp_path / "ledger"
    with contextlib.closing(SqliteLedger(path)) as ledger:
        made = call_at(ledger._clock())
        own = scopes([budget("5/day", name="all")], made)
        ledger.adjust(own[0], raise_by=10**9)
        decision = ledger.hold(made, own, demand(fixed=4_999_999_000))
        assert isinstance(decision, Admit)
        ledger.end(decision.hold, settled(4_999_999_000))
    firewall(path, config(database)).close()
    with Hands(database) as hands:
        ((scope, balance),) = hands.balances()
    assert (balance.spent, balance.held, balance.raised) == (4_999_999_000, 0, 0)
    assert scope.budget.cap == 5_000_000_000


def test_a_value_that_postgresql_cannot_hold_is_one_account(database, tmp_path):
    """A user whose name has a NUL, as a JSON body may: before the node joined, and after."""
    path = tmp_path / "ledger"
    per_user = replace(budget("5/day", name="all"), per=("user",))
    with contextlib.closing(SqliteLedger(path)) as ledger:
        made = replace(call(user="a\0b"), at=ledger._clock())
        decision = ledger.hold(made, scopes([per_user], made), demand(fixed=10**9))
        assert isinstance(decision, Admit)
        ledger.end(decision.hold, settled(10**9))
    node = firewall(path, config(database).replace("day", "day, per: user"))
    served(node, 2 * 10**9, user="a\0b")
    node.close()
    with Hands(database) as hands:
        ((scope, balance),) = hands.balances()
    assert (scope.value, balance.spent, balance.held) == ("a\\0b", 3 * 10**9, 0)


def test_keys_have_one_fingerprint_on_all_nodes(database, tmp_path):
    """The secret is the fleet's, also where a node had one of its own."""
    (tmp_path / "b.fingerprint-key").write_bytes(b"own")
    first, second = (firewall(tmp_path / name, config(database)) for name in ("a", "b"))
    assert first.shared.secret == second.shared.secret != b"own"
    first.close()
    second.close()


def call_at(at):
    """A call at this time."""
    return replace(call(), at=at)
