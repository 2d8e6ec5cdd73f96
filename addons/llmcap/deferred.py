"""
A request that costs nothing itself, but whose response may carry an earlier call's usage.

Background responses and batches are paid for when their result is fetched, as often as it may be
fetched: the usage is charged once, by the id of the response.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmcap.bill import cost_of, total
from llmcap.meter import Meter
from llmcap.providers.shape import Ask, Endpoint, Provider
from llmcap.records import Call, Ending, Scope, Settlement

if TYPE_CHECKING:
    from llmcap.firewall import Firewall


class Deferred:
    """Watches one such response."""

    def __init__(
        self,
        firewall: "Firewall",
        *,
        provider: Provider,
        endpoint: Endpoint,
        ask: Ask,
        call: Call,
        scopes: tuple[Scope, ...],
    ) -> None:
        self._firewall = firewall
        self._provider = provider
        self._endpoint = endpoint
        self._ask = ask
        self._call = call
        self._scopes = scopes
        self._meter: Meter | None = None

    def responded(self, status: int, headers: Mapping[str, str]) -> None:
        """The response's head is here."""
        self._meter = Meter(self._endpoint, self._ask, status=status, headers=headers)

    def feed(self, data: bytes) -> bytes:
        """A piece of the body, passed on as it is."""
        assert self._meter is not None
        self._meter.feed(data)
        return data

    def finish(self) -> None:
        """The response is over: settle what waited for it, or charge it once."""
        if self._meter is None:
            return
        reading = self._meter.finish()
        if not reading.complete or not reading.response_id:
            return
        key = (self._call.provider, reading.response_id)
        parked = self._firewall.parked.pop(key, None)
        if parked is not None:
            parked.settle_from(reading)
            return
        cost, notes = cost_of(self._firewall, self._provider, reading, self._call)
        settlement = Settlement(
            Ending.SETTLED, cost, usage=total(reading.charges), model=reading.model,
            response_id=reading.response_id, note="; ".join(["fetched later", *notes]),
        )  # fmt: skip
        self._firewall.ledger.charge_once(self._call, self._scopes, settlement)
