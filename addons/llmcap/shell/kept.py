"""What the shell keeps of the calls in flight, by `flow.id`, from admission to any ending."""

from llmcap import cut
from llmcap.deferred import Deferred
from llmcap.flight import CallInFlight

Kept = CallInFlight | Deferred


class InFlight:
    """Belongs to the thread of one event loop."""

    def __init__(self) -> None:
        self._calls: dict[str, Kept] = {}
        self._clients: dict[str, str] = {}  # flow id -> id of the client's connection

    def add(self, flow_id: str, call: Kept, client_id: str) -> None:
        """A call goes out; its answer is read on when its client leaves too soon."""
        self._calls[flow_id] = call
        if isinstance(call, CallInFlight):
            self._clients[flow_id] = client_id
            cut.linger(flow_id, call.linger)

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, flow_id: str) -> Kept | None:
        """What was kept of a flow."""
        return self._calls.get(flow_id)

    def of_client(self, client_id: str) -> list[str]:
        """The flows of a connection that hold money."""
        return [flow_id for flow_id, owner in self._clients.items() if owner == client_id]

    def take(self, flow_id: str) -> tuple[Kept | None, bool]:
        """What was kept of a flow, which is forgotten; and whether its request was sent."""
        sent = cut.was_sent(flow_id)
        cut.forget(flow_id)
        self._clients.pop(flow_id, None)
        return self._calls.pop(flow_id, None), sent

    def take_all(self) -> list[tuple[Kept | None, bool]]:
        """All of them, where the proxy ends."""
        return [self.take(flow_id) for flow_id in list(self._calls)]
