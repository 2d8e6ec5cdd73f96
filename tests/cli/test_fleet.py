"""`llmcap fleet`: who is in, what each holds, and taking it from those that do not come back."""

import json
import secrets
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from books import NOON, budget, call, demand, settled
from click.testing import CliRunner, Result

from llmcap.budgets.budget import scopes_for
from llmcap.cli import main
from llmcap.ledger.rows import seconds
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury.nodefile import NodeFile, Want, scope_of
from llmcap.treasury.postgres import PostgresTreasury
from llmcap.treasury.protocol import Account
from llmcap.words.records import Admit

ALL = budget("5", name="all")
GRANTED = 2 * 10**9
COST = 500_000_000


class Node:
    """A node on its file, allotted two dollars, of which it spent half a one."""

    def __init__(self, url: str, path: Path, name: str) -> None:
        self.path = path
        self.treasury = PostgresTreasury(url)
        self.ledger = SqliteLedger(path)
        self.file = NodeFile(path, self.ledger.process_id, lambda: NOON)
        claim = self.file.claim(name, secrets.token_hex(8))
        self.id = claim.node_id
        welcome = self.treasury.join(claim, [ALL])
        self.file.joined(welcome)
        (term,) = welcome.terms.by_key.values()
        self.account = Account(term.id, "", "", 0)
        self.scope = scope_of(self.account, welcome.terms)
        self.epoch = welcome.epoch
        self.say(need=GRANTED)
        self.spend()
        self.say()

    def say(self, *, need: int = 0) -> None:
        """The next message."""
        brought = self.file.prepare([Want(self.scope, self.account, need, need)])
        answer = self.treasury.send(self.id, self.epoch, brought.message)
        assert answer.granted
        self.file.answered(brought, answer.figures)

    def spend(self, name: str = "call-1") -> None:
        """One call in its ledger."""
        own = call(call_id=name)
        scopes = scopes_for([ALL], own, run_id="")
        assert [seconds(each.window_start) for each in scopes] == [self.account.window_start]
        decision = self.ledger.hold(own, scopes, demand(COST))
        assert isinstance(decision, Admit), decision
        self.ledger.end(decision.hold, settled(COST))

    def close(self) -> None:
        """Let go of file and connection."""
        self.file.close()
        self.ledger.close()
        self.treasury.close()


@pytest.fixture
def config(tmp_path: Path, database: str) -> Path:
    """That of the fleet."""
    path = tmp_path / "llmcap.yaml"
    path.write_text(f"treasury: {database}\nbudgets: [{{name: all, cap: $5, every: once}}]\n")
    return path


@pytest.fixture
def node(database: str, tmp_path: Path):
    """The only one."""
    made = Node(database, tmp_path / "ledger.sqlite3", "berlin")
    yield made
    made.close()


def fleet(config: Path, *words: str) -> Result:
    """The command."""
    return CliRunner().invoke(main, ["fleet", *words, "--config", str(config)])


def test_it_shows_what_each_node_holds_and_has_spent(config: Path, node: Node) -> None:
    """For people and for programs."""
    shown = fleet(config)
    assert shown.exit_code == 0, shown.output
    heads, row = shown.output.splitlines()
    assert heads.split() == [
        "NODE",
        "MACHINE",
        "STATE",
        "HEARD",
        "HOLDS",
        "HAS",
        "SPENT",
        "ENTRIES",
    ]
    assert row.split() == [
        node.id, "berlin", "active", *row.split()[3:6], "all", "$1.50", "all", "$0.50", "0",
    ]  # fmt: skip
    (document,) = json.loads(fleet(config, "--json").output)
    assert document["holds"] == {"all": "1.5"}
    assert document["spent"] == {"all": "0.5"}


def test_what_a_lost_node_held_is_taken_for_spent(config: Path, node: Node) -> None:
    """Nobody knows better."""
    done = fleet(config, "retire", node.id, "--yes")
    assert done.exit_code == 0, done.output
    assert "taken for spent, as nobody knows: all $1.50" in done.output
    (document,) = json.loads(fleet(config, "--json").output)
    assert (document["state"], document["holds"]) == ("retired", {"all": "0"})
    assert document["spent"] == {"all": "2"}


@pytest.mark.parametrize("name", ["ledger.sqlite3", "berlin #2 50%25?.sqlite3"])
def test_with_its_file_the_rest_is_free_again(config: Path, node: Node, name: str) -> None:
    """What the file has as spent is the truth, wherever it was saved."""
    node.close()
    path = node.path.rename(node.path.with_name(name))
    words = ["retire", node.id, "--yes", "--json", "--ledger", str(path)]
    done = json.loads(fleet(config, *words).output)
    assert done == {"node": node.id, "assumed": {}, "freed": {"all": "1.5"}}
    (document,) = json.loads(fleet(config, "--json").output)
    assert document["spent"] == {"all": "0.5"}


def test_an_old_copy_of_its_file_frees_nothing(config: Path, node: Node, tmp_path: Path) -> None:
    """What was spent and told since that copy was made would be forgotten."""
    old = tmp_path / "old.sqlite3"
    copied(node.path, old)
    node.spend("call-2")
    node.say()
    words = ["retire", node.id, "--yes", "--ledger"]
    done = fleet(config, *words, str(old))
    assert done.exit_code != 0
    assert "is an old copy of the node" in done.output
    (document,) = json.loads(fleet(config, "--json").output)
    assert (document["state"], document["spent"]) == ("active", {"all": "1"})
    node.close()
    done = fleet(config, *words, str(node.path))
    assert "free again: all $1" in done.output


def test_what_its_file_had_not_told_is_in_the_books_of_the_fleet(config: Path, node: Node) -> None:
    """A call of which it does not know the end, too; the file itself stays as it is."""
    scope = replace(node.scope, budget=replace(node.scope.budget, cap=0))
    held = node.ledger.hold(call(call_id="open"), [scope], demand(fixed=COST // 2))
    assert isinstance(held, Admit)
    running = fleet(config, "retire", node.id, "--yes", "--ledger", str(node.path))
    assert (running.exit_code, "still runs\nhint: end it" in running.output) == (2, True)
    node.ledger._let_go(remove=False)
    (before,) = json.loads(fleet(config, "--json").output)
    done = fleet(config, "retire", node.id, "--yes", "--ledger", str(node.path))
    assert "free again: all $1.25" in done.output
    (after,) = json.loads(fleet(config, "--json").output)
    assert after["spent"] == {"all": "0.75"}
    assert (before["entries"], after["entries"]) == (0, 4)
    with closing(sqlite3.connect(node.path)) as db:
        assert db.execute("SELECT count(*) FROM open_holds").fetchone() == (1,)


def test_the_newest_file_may_lack_the_answer_to_its_last_message(
    config: Path, node: Node, tmp_path: Path
) -> None:
    """The node was lost while it was on its way; the file knows the message by its id."""
    brought = node.file.prepare([Want(node.scope, node.account)])
    node.treasury.send(node.id, node.epoch, brought.message)
    found = tmp_path / "found.sqlite3"
    copied(node.path, found)
    done = fleet(config, "retire", node.id, "--yes", "--ledger", str(found))
    assert "free again: all $1.50" in done.output


def copied(path: Path, to: Path) -> None:
    """As the file is at this moment."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def test_who_was_heard_of_just_now_is_asked_about(config: Path, node: Node) -> None:
    """A proxy that runs would be stopped."""
    done = fleet(config, "retire", node.id)
    assert done.exit_code == 1
    assert "was heard of just now" in done.output
    (document,) = json.loads(fleet(config, "--json").output)
    assert document["state"] == "active"


def test_mistakes_are_one_sentence(config: Path, node: Node, tmp_path: Path) -> None:
    """And change nothing."""
    other = tmp_path / "other.sqlite3"
    SqliteLedger(other).close()
    empty = tmp_path / "empty.yaml"
    empty.write_text("budgets: [{name: all, cap: $5}]")
    for words, said in [
        (["retire", "nobody"], "the treasury knows no node 'nobody'"),
        (["retire", node.id, "--yes", "--ledger", str(other)], "is of no node, not of"),
        (["retire", node.id, "--yes", "--ledger", str(tmp_path / "gone")], "there is no ledger"),
        (["retire", node.id, "--yes", "--ledger", str(config)], "is no ledger of a node under"),
    ]:
        done = fleet(config, *words)
        assert done.exit_code == 2, done.output
        assert said in str(done.output)
    done = fleet(empty)
    assert done.exit_code == 2
    assert "there is no fleet without a treasury" in done.output
    assert "retired" not in fleet(config).output
