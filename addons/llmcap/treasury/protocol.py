"""
What a node and the treasury say to each other, and what the treasury promises.

Amounts are in the unit of their budget's cap (nano-dollars, tokens, requests), times of windows in
seconds since 1970, as in the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from llmcap.words.records import Budget

BudgetKey = tuple[str, str, str, str]  # name, unit, every, per: see `ledger.rows.budget_key`


class Account(NamedTuple):
    """What is counted by itself: a value of a budget in a window, or a bucket of a rolling one."""

    budget_id: int  # the treasury's
    value: str
    run: str
    window_start: int


@dataclass(frozen=True, slots=True)
class Line:
    """What a node says of one account, and asks for it."""

    account: Account
    reach: int  # seconds: of a rolling window, how near buckets count together; else 0
    spent: int  # all that this node ever spent of the account
    kept: int  # so much of its allotment it keeps, of which `spent` is a part; the rest comes back
    least: int = 0  # so much more it must get, or the whole message grants nothing
    wanted: int = 0  # so much more it would like to get


@dataclass(frozen=True, slots=True)
class Message:
    """One step of a node. Messages are numbered without a gap, and each has an id of its own."""

    seq: int
    id: str
    lines: tuple[Line, ...]
    patient: bool = False  # a call waits for it: what it is short of is kept for it for a moment
    last: bool = False  # its call waits no longer: it may have what is kept for others
    slots: bool = False  # some of its lines are about calls in flight


@dataclass(frozen=True, slots=True)
class Figures:
    """What the treasury knows of one account. In a rolling window, of all buckets that count."""

    granted: int  # this node's allotment of the account itself, its spend included
    mine: int  # what this node has said to have spent of it
    cap: int
    raised: int  # by hand, for this window
    forgiven: int  # spend that no longer counts, by a reset
    spent: int  # by all nodes, as far as they have said
    allotted: int  # to all nodes, their spend included
    paused: bool
    lost: int  # of it, what nodes that fell silent have, as far as it is not known to be spent

    @property
    def free(self) -> int:
        """What is in the treasury; less than nothing after an overrun or a lowered cap."""
        return self.cap + self.raised + self.forgiven - self.allotted


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message: whether all lines got their least, and what is so now."""

    granted: bool
    figures: tuple[Figures, ...]  # in the order of the lines
    now: datetime  # the treasury's clock


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a proxy says that it is when it joins: what its ledger file remembers."""

    node_id: str
    name: str  # for people: the machine
    epoch: int  # 0: it never joined
    seq: int  # of the last message of which it has the answer
    pending_id: str  # of a message of which it has not; "": there is none
    session: str  # of this start of the proxy, new each time
    last_session: str  # of the start before


@dataclass(frozen=True, slots=True)
class Term:
    """A budget as the treasury has it."""

    id: int
    budget: Budget
    paused: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """The budgets of the fleet; another revision after each change by hand."""

    revision: int
    by_key: Mapping[BudgetKey, Term]


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a node learns when it has joined."""

    fleet_id: str
    epoch: int
    seq: int
    terms: Terms
    secret: bytes  # of fingerprints
    now: datetime
    open: Mapping[Account, tuple[int, int]]  # granted and told as spent, where these differ


@dataclass(frozen=True, slots=True)
class News:
    """What a node has to know within a second."""

    now: datetime
    revision: int
    wanted: frozenset[Account] = frozenset()  # others are short of these, and this node has some


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node, for people."""

    id: str
    name: str
    state: str  # active, left, retired
    epoch: int
    heard_at: datetime
    held: Mapping[str, int] = field(default_factory=dict)  # by budget: allotted and not spent
    spent: Mapping[str, int] = field(default_factory=dict)  # by budget


class Treasury(Protocol):
    """
    The treasury as a node meets it. Every method is one transaction.

    All raise `TreasuryUnreachable` where nothing can be said about whether it happened, `Fenced`
    where this node may not go on, and another `TreasuryError` for what waiting does not cure.
    """

    def join(self, claim: Claim, budgets: Sequence[Budget]) -> Welcome:
        """Begin the next epoch of a node, or say why not. The first node brings the budgets."""
        ...

    def send(self, node_id: str, epoch: int, message: Message) -> Answer:
        """Take what is given back, and grant all lines or none; once, however often it is sent."""
        ...

    def news(self, node_id: str, epoch: int) -> News:
        """A sign of life, and what has changed."""
        ...

    def terms(self) -> Terms:
        """The budgets that are in force."""
        ...

    def keep(self, node_id: str, epoch: int, entries: str) -> None:
        """Keep entries of a node's ledger, a JSON list as `shipping` makes it, each once."""
        ...

    def last_entry(self, node_id: str) -> int:
        """The last entry of a node that is kept; 0: none is."""
        ...

    def leave(self, node_id: str, epoch: int) -> None:
        """The proxy ends in good order: nobody has to wait for it to fall silent."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
