"""
The treasury as plain dictionaries: what `PostgresTreasury` does, said a second time.

Nothing of its SQL is used, so that a mistake would have to be made twice.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from llmcap.treasury.budgets import key_of
from llmcap.treasury.identity import Known, Stops, Waits, judge
from llmcap.treasury.protocol import (
    Account,
    Answer,
    Figures,
    Line,
    Message,
    News,
    Term,
    Terms,
    Welcome,
)
from llmcap.treasury.sizes import grant
from llmcap.treasury.statements import HEARD_SECONDS, SLOT_SECONDS
from llmcap.words.errors import Fenced, NodeRuns
from llmcap.words.records import CapUnit


@dataclass
class Allotment:
    """Of one node and account."""

    granted: int = 0
    spent: int = 0


@dataclass
class PlainTreasury:
    """One fleet. `silent` says for how long a node was not heard."""

    budgets: list = field(default_factory=list)
    nodes: dict = field(default_factory=dict)
    allotments: dict = field(default_factory=dict)  # (account, node) -> Allotment
    reaches: dict = field(default_factory=dict)
    raised: dict = field(default_factory=dict)
    forgiven: dict = field(default_factory=dict)
    paused: set = field(default_factory=set)
    silent: dict = field(default_factory=dict)
    revision: int = 0
    now: datetime = datetime(2026, 11, 30, 12, tzinfo=UTC)

    def join(self, claim, budgets):
        """By the same rule; the rule has tests of its own."""
        known = self.nodes.get(claim.node_id)
        match judge(claim, known and replace(known, silent_seconds=self.silent[claim.node_id])):
            case Stops(why):
                raise Fenced(why)
            case Waits():
                raise NodeRuns("another", self.now)
        self.budgets = self.budgets or list(budgets)
        epoch = known.epoch + 1 if known else 1
        seq, last = (known.seq, known.last_id) if known else (0, "")
        self.nodes[claim.node_id] = Known("active", epoch, seq, last, claim.session, 0)
        self.silent[claim.node_id] = 0
        still_open = {
            account: (each.granted, each.spent)
            for (account, node), each in self.allotments.items()
            if node == claim.node_id and each.granted > each.spent
        }
        return Welcome("fleet", epoch, seq, self.terms(), b"s", now=self.now, open=still_open)

    def terms(self):
        """Numbered in their order."""
        return Terms(
            self.revision,
            {
                key_of(each): Term(number, each, number in self.paused)
                for number, each in enumerate(self.budgets, 1)
            },
        )

    def send(self, node_id, epoch, message: Message):
        """All lines or none, once."""
        node = self.nodes[node_id]
        if (node.state, node.epoch) != ("active", epoch):
            raise Fenced("epoch")
        if message.seq == node.seq + 1:
            self.nodes[node_id] = replace(node, seq=message.seq, last_id=message.id)
            self.silent[node_id] = 0
            self.carry_out(node_id, message.lines)
        elif (message.seq, message.id) != (node.seq, node.last_id):
            raise Fenced("sequence")
        said = [self.figures(node_id, line) for line in message.lines]
        short = [
            line.least > 0 and each.granted < max(line.kept, line.spent) + line.least
            for line, each in zip(message.lines, said, strict=True)
        ]
        return Answer(not any(short), tuple(said), self.now)

    def carry_out(self, node_id, lines):
        """What is not kept comes back; then there is enough for all lines, or nothing happens."""
        for line in lines:
            mine = self.allotments.setdefault((line.account, node_id), Allotment())
            mine.granted = max(min(mine.granted, line.kept), line.spent)
            mine.spent = line.spent
        for line in lines:
            if line.least > 0 and self.is_slots(line):
                self.free_slots(line.account, of_all_but=node_id)
        free = [self.figures(node_id, line).free for line in lines]
        shut = [line.account.budget_id in self.paused for line in lines]
        for line, left, closed in zip(lines, free, shut, strict=True):
            if line.least > 0 and (closed or left < line.least):
                return
        nodes = sum(
            each.state == "active" and not self.is_silent(name) for name, each in self.nodes.items()
        )
        for line, left, closed in zip(lines, free, shut, strict=True):
            wanted = max(line.wanted, line.least)
            if wanted and not closed:
                more = grant(least=line.least, wanted=wanted, free=left, nodes=nodes)
                if self.is_slots(line):  # no share of them is kept for others
                    more = max(min(wanted, left), line.least)
                self.allotments[line.account, node_id].granted += more

    def is_slots(self, line):
        """Whether it is about calls in flight."""
        return self.budgets[line.account.budget_id - 1].unit is CapUnit.CONCURRENT

    def free_slots(self, account, *, of_all_but):
        """What nodes had that were not heard for long: their calls are taken to have ended."""
        for (known, node), each in self.allotments.items():
            if known == account and node != of_all_but and self.silent[node] >= SLOT_SECONDS:
                each.granted = each.spent

    def is_silent(self, node_id):
        """Whether nobody counts on it."""
        return self.silent[node_id] >= HEARD_SECONDS

    def near(self, line: Line) -> list[Account]:
        """The accounts that count together with a line's."""
        own = line.account
        known = {account for account, _ in self.allotments} | {*self.raised, *self.forgiven, own}
        return [
            each
            for each in known
            if each[:3] == own[:3]
            and (each == own or abs(each.window_start - own.window_start) < line.reach)
        ]

    def figures(self, node_id, line: Line):
        """Sums over lists."""
        near = self.near(line)
        mine = self.allotments.setdefault((line.account, node_id), Allotment())
        all_of = [each for (account, _), each in self.allotments.items() if account in near]
        lost = [
            each.granted - each.spent
            for (account, node), each in self.allotments.items()
            if account in near and self.is_silent(node)
        ]
        return Figures(
            granted=mine.granted,
            mine=mine.spent,
            cap=self.budgets[line.account.budget_id - 1].cap,
            raised=sum(self.raised.get(each, 0) for each in near),
            forgiven=sum(self.forgiven.get(each, 0) for each in near),
            spent=sum(each.spent for each in all_of),
            allotted=sum(each.granted for each in all_of),
            paused=line.account.budget_id in self.paused,
            lost=sum(lost),
        )

    def news(self, node_id, epoch):
        """Nothing is wanted back here: the machine gives back as it likes."""
        node = self.nodes[node_id]
        if (node.state, node.epoch) != ("active", epoch):
            raise Fenced("epoch")
        self.silent[node_id] = 0
        return News(self.now, self.revision)

    def leave(self, node_id, epoch):
        """As if it had been silent for long."""
        if self.nodes[node_id].epoch == epoch:
            self.nodes[node_id] = replace(self.nodes[node_id], state="left")

    def close(self):
        """There is nothing to let go of."""
