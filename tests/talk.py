"""A WebSocket session as a test tells it: what client and provider say, and what becomes of it."""

import json
from dataclasses import dataclass, field

from walk import Walk, walk

from llmcap.ledger.queries import entries
from llmcap.providers.parts.shape import Request
from llmcap.sockets import Pending, Session, Verdict, opened
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.decision import decide_now, try_cheap
from llmcap.walk.flight import CallInFlight


@dataclass
class Talk:
    """A session over a ledger in memory; frames are given and shown as documents."""

    walked: Walk
    session: Session
    verdicts: list[Verdict] = field(default_factory=list)

    def says(self, **frame) -> Verdict:
        """The client sends a frame."""
        return self._done(self.session.from_client(json.dumps(frame).encode()))

    def hears(self, **frame) -> Verdict:
        """The provider sends one."""
        return self._done(self.session.from_provider(json.dumps(frame).encode()))

    def _done(self, step: Pending | Verdict) -> Verdict:
        while isinstance(step, Pending):
            step = step.decided(decide(step.admission))
        self.verdicts.append(step)
        return step

    @property
    def entries(self) -> list[tuple[str, int]]:
        """What the ledger has of the calls: the kind and cost of every entry, in order."""
        found = entries(self.walked.firewall.ledger._store.reading(), limit=1000)
        return [(str(entry.kind), entry.cost_nanos) for entry in reversed(found)]

    @property
    def balance(self):
        """Of the first budget."""
        return self.walked.balance


def decide(admission) -> CallInFlight | Refused:
    """What the shell does, without its patience."""
    admitted = try_cheap(admission)
    if admitted is not None:
        return admitted
    admission.count_tokens()
    return decide_now(admission)


def upgrade(path: str, *, host: str = "api.openai.com", query=None, headers=None) -> Request:
    """The request that opens a WebSocket."""
    return Request(
        method="GET",
        host=host,
        path=path,
        query=query or {},
        headers={"upgrade": "websocket", **(headers or {})},
    )


def talk(
    cap: str = "1", path: str = "/v1/responses", *, host="api.openai.com", query=None, **policy
) -> Talk:
    """A session under one cap."""
    walked = walk(cap, **policy)
    found = opened(walked.firewall, upgrade(path, host=host, query=query), Facts())
    assert isinstance(found, Session), found
    return Talk(walked, found)
