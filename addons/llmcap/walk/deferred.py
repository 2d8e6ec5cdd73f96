"""
A request that costs nothing itself, but whose response may carry an earlier call's usage.

Background responses and batches are paid for when their result is fetched, as often as it may be
fetched: the usage is charged once, by the id of the response. One answer may tell of several: a
list of batches does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from llmcap.metering.bill import cost_of, total
from llmcap.metering.meter import Meter
from llmcap.providers.parts.shape import Ask, Endpoint, Provider
from llmcap.shared.state import Shared
from llmcap.words.errors import PriceError
from llmcap.words.records import Call, Ending, Reading, Scope, Settlement

# A part of a document, which a client asked for by its range: what it tells is not the whole.
PARTIAL = 206


@dataclass(frozen=True, slots=True)
class Watched:
    """The exchange whose answer is read, and where it would be charged."""

    provider: Provider
    endpoint: Endpoint
    ask: Ask
    call: Call
    scopes: tuple[Scope, ...]


class Deferred:
    """Watches one such response."""

    def __init__(self, shared: Shared, watched: Watched) -> None:
        self._shared = shared
        self._watched = watched
        self._meter: Meter | None = None
        self._status = 0

    @property
    def cut(self) -> bool:
        """It has no hold that could run out."""
        return False

    def responded(self, status: int, headers: Mapping[str, str]) -> None:
        """The response's head is here."""
        self._status = status
        watched = self._watched
        self._meter = Meter(watched.endpoint, watched.ask, status=status, headers=headers)

    def feed(self, data: bytes) -> bytes:
        """A piece of the body, passed on as it is."""
        assert self._meter is not None
        self._meter.feed(data)
        return data

    def finish(self) -> None:
        """The response is over: settle what waited for it, or charge it once."""
        if self._meter is None or self._status == PARTIAL:
            return
        reading = self._meter.finish()
        for made in reading.made if 200 <= self._status < 300 else ():
            self._shared.things.keep(self._watched.provider.price_key, made)
        if self._meter.failed is None:
            for each in (reading, *reading.others):
                if each.response_id:
                    self._shared.record(partial(self._settle_priced, each))

    def _settle_priced(self, reading: Reading) -> None:
        """Settle it, or say why it has no price: later it would have none either."""
        try:
            self._settle(reading)
        except PriceError as error:
            # Nobody here ordered it, or it would have been settled at its hold.
            why = str(error).partition("\n")[0]
            told = f"a bill of {self._watched.call.provider} cannot be priced: {why}"
            self._shared.notify("price_missing", told, subject=told)

    def _lacks_answers(self, reading: Reading, response_id: str) -> bool:
        """Whether more calls were ordered than it has answers: what the others cost is not told."""
        if reading.answers is None:
            return False
        shared, provider = self._shared, self._watched.provider
        waiting = shared.parked.find(provider.name, response_id)
        call = waiting.call if waiting else shared.ledger.claimed(provider.name, response_id)
        order = shared.things.find(provider.price_key, call.id) if call else None
        return order is not None and reading.answers < order.calls

    def _settle(self, reading: Reading) -> None:
        assert reading.response_id, "usage that came later has an id"
        shared, watched = self._shared, self._watched
        name = watched.call.provider
        if reading.also:
            shared.ledger.alias(name, reading.response_id, reading.also)
        if not reading.complete or self._lacks_answers(reading, reading.response_id):
            if reading.over and (parked := shared.parked.take(name, reading.response_id)):
                parked.give_up("it ended, and nobody told its usage")
            return
        parked = shared.parked.take(name, reading.response_id)
        if parked is not None:
            parked.settle_from(reading)
            return
        known = shared.ledger.claimed(name, reading.response_id)
        if known is None and not watched.endpoint.charges_strangers:
            return
        cost, notes = cost_of(shared.price_of, watched.provider, reading, known or watched.call)
        settlement = Settlement(
            Ending.SETTLED, cost, usage=total(reading.charges), model=reading.model,
            response_id=reading.response_id, note="; ".join(["fetched later", *notes]),
        )  # fmt: skip
        shared.ledger.charge_once(watched.call, watched.scopes, settlement)
