"""What the shell keeps of the calls in flight, by `flow.id`, from admission to any ending."""

from llmcap.shell import cut
from llmcap.shell.parting import leavers
from llmcap.shell.passage import Passage
from llmcap.walk.flight import CallInFlight


class InFlight:
    """Belongs to the thread of one event loop."""

    def __init__(self) -> None:
        self._passages: dict[str, Passage] = {}
        self._clients: dict[str, str] = {}  # flow id -> id of the client's connection

    def add(self, passage: Passage) -> None:
        """A call goes out; its answer is read on when its client leaves too soon."""
        flow_id = passage.flow.id
        self._passages[flow_id] = passage
        if isinstance(passage.call, CallInFlight):
            self._clients[flow_id] = passage.flow.client_conn.id
            leavers.attend(flow_id, passage.call)

    def __len__(self) -> int:
        return len(self._passages)

    def get(self, flow_id: str) -> Passage | None:
        """What was kept of a flow."""
        return self._passages.get(flow_id)

    def of_client(self, client_id: str) -> list[str]:
        """The flows of a connection that hold money."""
        return [flow_id for flow_id, owner in self._clients.items() if owner == client_id]

    def take(self, flow_id: str) -> tuple[Passage | None, bool]:
        """What was kept of a flow, which is forgotten; and whether its request was sent."""
        sent = cut.was_sent(flow_id)
        cut.forget(flow_id)
        leavers.forget(flow_id)
        self._clients.pop(flow_id, None)
        return self._passages.pop(flow_id, None), sent

    def take_all(self) -> list[tuple[Passage, bool]]:
        """All of them, where the proxy ends."""
        taken = [self.take(flow_id) for flow_id in list(self._passages)]
        return [(passage, sent) for passage, sent in taken if passage is not None]
