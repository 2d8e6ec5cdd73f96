"""
Treasury, nodes, grants, returns, crashes, lost and repeated messages, in any order.

The promise: at every step, what was billed and what calls in flight hold is within the cap, and so
are the calls in flight themselves but for those of nodes that fell silent; what nodes believe to
have is never more than what the treasury wrote down; and what it wrote down is never more than the
larger of the cap and what was out when a hand lowered it. The nodes are real ledger files; the
treasury is plain dictionaries, and then PostgreSQL, which must say the same.
"""

import contextlib
import secrets
import shutil
import sqlite3
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from books import budget, call, demand, settled
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from plain_treasury import PlainTreasury

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury.hands import Hands
from llmcap.treasury.nodefile import NodeFile, Want, scope_of
from llmcap.treasury.postgres import PostgresTreasury
from llmcap.treasury.protocol import Account
from llmcap.words.errors import Fenced, NodeRuns, TreasuryError
from llmcap.words.records import Admit

# Nano-dollars, requests, calls in flight; the windows of the second roll, in buckets of 10 seconds.
CAPS = {1: 5_000, 2: 900, 3: 40, 4: 3}
SLOTS = 4
COUNTED = (3, SLOTS)  # by calls, whatever they cost
BUDGETS = [
    budget("0.000005", name="all"),
    budget("0.0000009/10m", name="rolling", per=["project"]),
    budget("40 requests", name="requests"),
    budget("3 concurrent", name="at once"),
]
BUCKET = 11  # seconds, a sixtieth of ten minutes and a bit
REACH = 600 + 10
AMOUNTS = st.integers(0, 700)
FATES = st.sampled_from(
    ["ok", "ok", "ok", "request lost", "answer lost", "killed before", "killed"]
)


class Node:
    """A proxy on its ledger file, as far as money is concerned."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.path = folder / f"{name}.sqlite3"
        self.pending = None
        self.epoch = 0
        self.id = ""
        self.ledger = self.file = None
        # Whether its slots may be free again, which it hears with its next answer about them.
        self.deaf = False

    def open(self, treasury) -> None:
        """Start, and join. Raises what the treasury says."""
        self.ledger = SqliteLedger(self.path)
        self.file = NodeFile(self.path, self.ledger.process_id, self.ledger._clock)
        claim = self.file.claim(self.name, secrets.token_hex(4))
        welcome = treasury.join(claim, BUDGETS)
        brought = self.file.joined(welcome)
        self.id, self.epoch, self.terms = claim.node_id, welcome.epoch, welcome.terms
        self.file.told(welcome.fleet_id)
        assert brought == (claim.epoch == 0 or not claim.last_session), claim

    def die(self) -> None:
        """The file stays as it is; nothing that was in memory does."""
        if self.ledger is not None:
            self.file.close()
            self.ledger._let_go(remove=True)
        self.ledger = self.file = self.pending = None


class TreasuryModel(RuleBasedStateMachine):
    """Three nodes, three budgets."""

    def make_treasury(self):
        """What is tested."""
        return PlainTreasury()

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.treasury = self.make_treasury()
        self.nodes = [Node(self.folder, name) for name in "abc"]
        self.bucket = 0
        self.holds = []  # (node, hold, needs by account)
        self.given_up = set()  # of them, those whose slots are free again
        self.billed = {}  # account -> what calls cost
        self.overrun = {}  # account -> what they cost above their holds
        self.limit = dict(CAPS)  # budget -> the most that may be out
        self.lost = {}  # account -> what a retired or replaced node held
        self.calls = 0
        self.copies = {}

    @initialize()
    def all_join(self):
        """The first brings the budgets."""
        for node in self.nodes:
            node.open(self.treasury)
        self.base = int(self.treasury_now().timestamp()) - 20_000

    def teardown(self):
        """Each file must be in order too."""
        for node in self.nodes:
            if node.ledger is not None:
                assert node.ledger.audit() == []
            node.die()
        self.treasury.close()
        shutil.rmtree(self.folder)

    # --- helpers ------------------------------------------------------------------------------

    def treasury_now(self):
        """Its clock."""
        return self.treasury.now

    def silence(self, node):
        """It was not heard from for a while."""
        self.treasury.silent[node.id] = 60

    def accounts(self, which):
        """The accounts of a call, and their scopes with the whole reach."""
        starts = {1: 0, 2: self.base + self.bucket * BUCKET, 3: 0, SLOTS: 0}
        starts[2] -= starts[2] % BUCKET
        values = {1: "", 2: "p", 3: "", SLOTS: ""}
        found = [Account(each, values[each], "", starts[each]) for each in which]
        return [(each, scope_of(each, self.nodes[0].terms)) for each in found]

    def up(self, number):
        """A node that runs, or None."""
        node = self.nodes[number % 3]
        return node if node.file is not None else None

    def deliver(self, node, fate):
        """Send what is pending, and let this happen to it."""
        brought = node.pending
        if fate == "killed before":
            node.die()
            return None
        if fate == "request lost":
            return None
        answer = self.treasury.send(node.id, node.epoch, brought.message)
        if fate == "answer lost":
            return None
        if fate == "killed":
            node.die()
            return None
        node.file.answered(brought, answer.figures)
        node.pending = None
        if any(line.account.budget_id == SLOTS for line in brought.message.lines):
            node.deaf = False
        return answer

    def falls_silent(self, node):
        """Nobody counts on it, nor its calls in flight."""
        self.silence(node)
        node.deaf = True
        self.given_up |= {hold.call.id for owner, hold, *_ in self.holds if owner is node}

    # --- steps --------------------------------------------------------------------------------

    @rule(
        number=st.integers(0, 2),
        nanos=st.integers(1, 400),
        which=st.sampled_from([(1,), (1, 2), (2,), (1, 2, 3), (SLOTS,), (1, SLOTS)]),
    )
    def call_comes(self, number, nanos, which):
        """It is held on its node, if that has enough of all; for a slot it must have been heard."""
        node = self.up(number)
        if node is None or (node.deaf and SLOTS in which):
            return
        pairs = self.accounts(which)
        own = tuple(
            replace(scope, reach=timedelta(0), budget=replace(scope.budget, cap=0))
            for _, scope in pairs
        )
        self.calls += 1
        made = call(call_id=f"c{self.calls}")
        decision = node.ledger.hold(made, own, demand(fixed=nanos))
        if isinstance(decision, Admit):
            needs = {each: 1 if each.budget_id in COUNTED else nanos for each, _ in pairs}
            self.holds.append((node, decision.hold, nanos, needs))

    @precondition(lambda self: self.holds)
    @rule(pick=st.integers(0, 50), percent=st.sampled_from([0, 10, 50, 100, 100, 130]))
    def call_ends(self, pick, percent):
        """At, below or above what it held; of a node that is gone, it is assumed in full."""
        node, hold, nanos, needs = self.holds[pick % len(self.holds)]
        if node.file is None:
            return
        self.holds.pop(pick % len(self.holds))
        cost = nanos * percent // 100
        node.ledger.end(hold, settled(cost))
        for account in needs:
            if account.budget_id == SLOTS:  # it is free again
                continue
            bill = 1 if account.budget_id == 3 else cost
            self.billed[account] = self.billed.get(account, 0) + bill
            over = max(bill - needs[account], 0)
            self.overrun[account] = self.overrun.get(account, 0) + over

    @rule(
        number=st.integers(0, 2),
        need=AMOUNTS,
        wanted=AMOUNTS,
        which=st.sampled_from([(1,), (1, 2), (3,), (1, 2, 3), (SLOTS,), (1, SLOTS)]),
        fate=FATES,
    )
    def node_asks(self, number, need, wanted, which, fate):
        """For all accounts of a call together; what is left of an earlier message goes first."""
        node = self.up(number)
        if node is None:
            return
        if node.pending is not None and self.deliver(node, fate) is None:
            return
        few = {3: min(need, 9), SLOTS: min(need, 2)}
        wants = [
            Want(scope, account, few.get(account.budget_id, need), need + wanted)
            for account, scope in self.accounts(which)
        ]
        before = node.file.standings([(each.account, each.scope) for each in wants])
        node.pending = node.file.prepare(wants)
        # Others may have its slots since: it asked by what it had, and asks again when it hears.
        forgotten = {SLOTS} if node.deaf else set()
        answer = self.deliver(node, fate)
        if answer is None:
            return
        after = node.file.standings([(each.account, each.scope) for each in wants])
        for want, had, has in zip(wants, before, after, strict=True):
            if want.account.budget_id in forgotten:
                continue
            if answer.granted:
                assert has.at_hand >= want.need, (want, has)
            elif had.at_hand >= 0:
                assert has.granted == had.granted, (had, has)

    @rule(number=st.integers(0, 2), fate=FATES)
    def call_asks_for_its_slot(self, number, fate):
        """As each does under such a cap."""
        self.node_asks(number, 1, 0, (SLOTS,), fate)
        self.call_comes(number, 1, (SLOTS,))

    @rule(number=st.integers(0, 2), part=st.integers(1, 3), fate=FATES)
    def node_gives_back(self, number, part, fate):
        """A part of all that it has at hand, of this bucket and those before."""
        node = self.up(number)
        if node is None:
            return
        if node.pending is not None and self.deliver(node, fate) is None:
            return
        known = dict(node.file.unsettled(node.terms, brought=False))
        wants = [
            Want(scope, account, back=lambda has: max(has.at_hand, 0) // part)
            for account, scope in known.items()
        ]
        if wants:
            node.pending = node.file.prepare(wants)
            self.deliver(node, fate)

    @rule(number=st.integers(0, 2))
    def node_is_killed_and_comes_back(self, number):
        """What its calls held is assumed; its allotments are those of before."""
        node = self.nodes[number]
        node.die()
        for each in [each for each in self.holds if each[0] is node]:
            self.holds.remove(each)
            for account, need in each[3].items():
                if account.budget_id != SLOTS:
                    self.billed[account] = self.billed.get(account, 0) + need
        self.falls_silent(node)
        node.open(self.treasury)

    @rule(number=st.integers(0, 2))
    def node_falls_silent(self, number):
        """Until its next message: what it has is not counted on meanwhile."""
        if (node := self.up(number)) is not None:
            self.falls_silent(node)

    @rule(number=st.integers(0, 2))
    def a_copy_is_made(self, number):
        """Of the file, as a backup does."""
        node = self.up(number)
        if node is None or node.pending is not None:
            return
        target = self.folder / f"copy-{number}.sqlite3"
        target.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(node.path)) as one,
            contextlib.closing(sqlite3.connect(target)) as two,
        ):
            one.backup(two)
        self.copies[number] = target

    @precondition(lambda self: self.copies)
    @rule(number=st.integers(0, 2), running=st.booleans())
    def a_copy_joins(self, number, running):
        """Beside its node, or in its place: it is found out, as there was another start since."""
        if number not in self.copies:
            return
        target = self.copies[number]
        other = Node(self.folder, "other")
        shutil.copy(target, other.path)
        node = self.nodes[number]
        if not running:
            node.die()
            self.node_is_killed_and_comes_back(number)
            self.falls_silent(node)
        elif node.file is None:
            return
        else:
            self.treasury.news(node.id, node.epoch)
        with pytest.raises((Fenced, NodeRuns)):
            other.open(self.treasury)
        other.die()
        other.path.unlink()

    @rule(more=st.integers(-600, 600))
    def a_hand_changes_the_cap(self, more):
        """Lower, it takes nothing from those who have it."""
        self.change_cap(more)
        capacity = self.capacity(1)
        out = self.allotted(1)
        self.limit[1] = max(capacity, out)

    @rule()
    def time_passes(self):
        """The rolling window goes on by some buckets."""
        self.bucket += 7

    def change_cap(self, more):
        """By raising the one account of the first budget."""
        account, _ = self.accounts([1])[0]
        self.treasury.raised[account] = self.treasury.raised.get(account, 0) + more

    def capacity(self, budget_id):
        """Cap and raises of a budget that has one account."""
        account, _ = self.accounts([budget_id])[0]
        return CAPS[budget_id] + self.treasury.raised.get(account, 0)

    def allotted(self, budget_id):
        """What is out of it."""
        return sum(
            each.granted
            for (account, _), each in self.treasury.allotments.items()
            if account.budget_id == budget_id
        )

    # --- promises -----------------------------------------------------------------------------

    @invariant()
    def what_is_billed_and_held_is_within_the_cap(self):
        """Counted by calls alone, with no figure of any ledger."""
        counted = dict(self.billed)
        for _, hold, _, needs in self.holds:
            for account, need in needs.items():
                if account.budget_id == SLOTS and hold.call.id in self.given_up:
                    continue
                counted[account] = counted.get(account, 0) + need
        for account in counted:
            reach = REACH if account.budget_id == 2 else 1
            near = [
                each
                for each in counted
                if each.budget_id == account.budget_id
                and account.window_start - reach < each.window_start <= account.window_start
            ]
            total = sum(counted[each] for each in near)
            over = sum(self.overrun.get(each, 0) for each in near)
            limit = self.limit[account.budget_id]
            assert total <= limit + over, (account, total, limit, over)

    @invariant()
    def nodes_believe_to_have_no_more_than_was_written(self):
        """And have spent and held no more than they have, but for bills above their holds."""
        written = self.written()
        for node in self.nodes:
            if node.file is None:
                continue
            pairs = node.file.unsettled(node.terms, brought=True)
            for (account, _), has in zip(pairs, node.file.standings(pairs), strict=True):
                granted = written.get((account, node.id), 0)
                over = self.overrun.get(account, 0)
                if account.budget_id == SLOTS:
                    if node.deaf:
                        continue
                    over = sum(
                        owner is node and account in needs and hold.call.id in self.given_up
                        for owner, hold, _, needs in self.holds
                    )
                assert has.granted <= granted, (account, has, granted)
                assert has.spent + has.held <= has.granted + over, (account, has)

    def written(self):
        """What the treasury has granted, by account and node."""
        return {key: each.granted for key, each in self.treasury.allotments.items()}


class PostgresModel(TreasuryModel):
    """The same on the real server, beside the plain one, which must say the same."""

    server = None

    def make_treasury(self):
        """Both at once."""
        return Both(type(self).server.new_database())

    def treasury_now(self):
        """PostgreSQL's."""
        return self.treasury.hands.now()

    def silence(self, node):
        """As if it was heard long ago."""
        self.treasury.plain.silent[node.id] = 60
        self.treasury.execute(
            "UPDATE llmcap.nodes SET heard_at = heard_at - interval '60 s' WHERE id = %s", node.id
        )

    def change_cap(self, more):
        """In both."""
        account, scope = self.accounts([1])[0]
        raised = self.treasury.plain.raised
        raised[account] = raised.get(account, 0) + more
        self.treasury.hands.raise_by(scope, more, note="by the machine")

    def capacity(self, budget_id):
        """Of the plain one: figures are compared at each message."""
        account, _ = self.accounts([budget_id])[0]
        return CAPS[budget_id] + self.treasury.plain.raised.get(account, 0)

    def allotted(self, budget_id):
        """What PostgreSQL has."""
        return sum(
            g for (account, _), g in self.written().items() if account.budget_id == budget_id
        )

    def written(self):
        """Read from the table."""
        rows = self.treasury.execute(
            "SELECT purse.budget_id, purse.value, purse.run, account.window_start, mine.node_id, "
            "mine.granted FROM llmcap.allotments AS mine "
            "JOIN llmcap.accounts AS account ON account.id = mine.account_id "
            "JOIN llmcap.purses AS purse ON purse.id = account.purse_id"
        )
        return {(Account(*key), node_id): granted for *key, node_id, granted in rows}


class Both:
    """PostgreSQL and the plain one: each message goes to both, and the answers must be equal."""

    def __init__(self, url):
        self.plain = PlainTreasury()
        self.postgres = PostgresTreasury(url)
        self.hands = Hands(url)
        self.beside = psycopg.connect(url, autocommit=True)

    def join(self, claim, budgets):
        """Both let it in, or neither."""
        try:
            plain = self.plain.join(claim, budgets)
        except TreasuryError as error:
            with pytest.raises(type(error)):
                self.postgres.join(claim, budgets)
            raise
        welcome = self.postgres.join(claim, budgets)
        assert (welcome.epoch, welcome.seq, welcome.open) == (plain.epoch, plain.seq, plain.open)
        return welcome

    def news(self, node_id, epoch):
        """A sign of life."""
        self.plain.news(node_id, epoch)
        return self.postgres.news(node_id, epoch)

    def send(self, node_id, epoch, message):
        """Figure by figure."""
        # The plain one knows no time: who is silent is said.
        for each, seconds in self.plain.silent.items():
            self.execute(
                "UPDATE llmcap.nodes SET heard_at = now() - make_interval(secs => %s) "
                "WHERE id = %s",
                seconds, each,
            )  # fmt: skip
        plain = self.plain.send(node_id, epoch, message)
        answer = self.postgres.send(node_id, epoch, message)
        assert (answer.granted, answer.figures) == (plain.granted, plain.figures)
        return answer

    def execute(self, sql, *values):
        """Something beside the protocol."""
        cursor = self.beside.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []

    def close(self):
        """All connections."""
        self.postgres.close()
        self.hands.close()
        self.beside.close()


FAST = settings(
    max_examples=25, stateful_step_count=40, deadline=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
TestPlain = TreasuryModel.TestCase
TestPlain.settings = FAST


def test_postgres_says_the_same_at_every_step(postgres):
    """The state machine again, on the real server."""
    PostgresModel.server = postgres
    case = PostgresModel.TestCase
    case.settings = settings(FAST, max_examples=8, stateful_step_count=25)
    case("runTest").runTest()
