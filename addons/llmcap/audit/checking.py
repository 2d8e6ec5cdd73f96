"""
What recorded traffic cost, by the code that meters live traffic: match, read, meter, price.

Each exchange is priced at the time of its recording. A usage that is told twice (a background
response that is fetched, a batch's results that are read again) is charged once in all, by the
response's id, to the exchange that tells it first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from llmcap.audit.parts import HTTP_ERRORS, Batch
from llmcap.audit.recordings import Recording
from llmcap.bounds.estimate import TokenCounter, sold
from llmcap.metering.bill import router_fee, total
from llmcap.metering.meter import Meter
from llmcap.pricing import PriceBook, cost_usd
from llmcap.pricing.terms import BATCH, billed
from llmcap.providers import match, provider_of
from llmcap.providers.openai.batches import BY_LINES
from llmcap.providers.parts.content import texts
from llmcap.providers.parts.refused import fee_usd, refused
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Provider
from llmcap.providers.sockets import socket_of
from llmcap.sockets import read_session
from llmcap.words.errors import FormatError, PriceError
from llmcap.words.money import ceil_nanos, usd_string
from llmcap.words.records import Charge, Reading, Usage
from llmcap.words.usage import Made

NOT_DONE = "its call failed or was not done: not billed"  # of a batch's line

# English text, by OpenAI's rule of thumb: https://help.openai.com/en/articles/4936856
BYTES_PER_TOKEN = 4

# Always shown where there is a usage; everything else only where it is not zero.
_SHOWN = (
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
)


@dataclass(frozen=True, slots=True)
class Audited:
    """
    One exchange. `cost_nanos` is None where it cannot be known, 0 where nothing is billed.

    `deferred` says that the usage, if any, belongs to an earlier call; `assumed`, that nobody told
    it and it was counted from the text.
    """

    id: str
    at: datetime
    provider: str | None = None
    endpoint: str | None = None
    model: str | None = None
    billable: bool = False
    deferred: bool = False
    assumed: bool = False
    charges: tuple[Charge, ...] = ()
    cost_nanos: int | None = 0
    responses: int | None = None  # of a WebSocket session: how many told a usage
    note: str = ""

    @property
    def usage(self) -> Usage | None:
        """The counts of all models together; None where no usage was told."""
        return total(self.charges) if self.charges else None

    def document(self) -> dict[str, Any]:
        """The object of this exchange in `--json`; money is a decimal string."""
        cost = None if self.cost_nanos is None else usd_string(self.cost_nanos)
        document: dict[str, Any] = {
            "id": self.id,
            "time": self.at.isoformat(),
            "provider": self.provider,
            "endpoint": self.endpoint,
            "model": self.model,
            "billable": self.billable,
            "deferred": self.deferred,
            "assumed": self.assumed,
            "usage": None if self.usage is None else usage_document(self.usage),
            "cost_usd": cost,
            "note": self.note,
        }
        if self.responses is not None:
            document["responses"] = self.responses
        if len(self.charges) > 1:
            document["charges"] = [
                {"model": charge.model, "terms": list(charge.terms), **usage_document(charge.usage)}
                for charge in self.charges
            ]
        return document


def usage_document(usage: Usage) -> dict[str, Any]:
    """A usage as JSON: the main counts always, the others and the fees where there are any."""
    document: dict[str, Any] = {}
    for name in Usage.__dataclass_fields__:
        value = getattr(usage, name)
        if name != "extras" and (name in _SHOWN or value):
            document[name] = value
    if writes := usage.cache_write_5m + usage.cache_write_1h:
        document["cache_write"] = writes
    for name, count in usage.extras.items():
        document[name] = str(count) if isinstance(count, Decimal) else count
    return document


class Auditor:
    """Audits exchanges one after the other and remembers what was charged."""

    def __init__(self, prices: PriceBook, *, now: datetime, at: datetime | None = None) -> None:
        """`at` prices everything as of that time; else each exchange at its own, or at `now`."""
        self._prices = prices
        self._now = now
        self._at = at
        self._charged: set[tuple[str, str]] = set()
        self._made: dict[tuple[str, str], Made] = {}  # what was told of it, for who names it
        self._ordered: set[tuple[str, str]] = set()  # of which a later exchange may tell the bill
        self._counter = TokenCounter()

    def audit(self, recordings: Iterable[Recording]) -> Iterator[Audited]:
        """One result per exchange, in order."""
        return (self.exchange(recording) for recording in recordings)

    def exchange(self, recording: Recording) -> Audited:
        """What one exchange cost. Never raises for what it holds."""
        row = Audited(id=recording.id, at=self._at or recording.at or self._now)
        if recording.batch is not None:
            return self._of_batch(row, recording)
        if recording.frames:
            return self._session(row, recording)
        if recording.absent and (unknown := self._absent(row, recording)):
            return unknown
        return self._answered(row, recording)

    def _of_batch(self, row: Audited, recording: Recording) -> Audited:
        """A line of a batch's file: a call that was ordered, or what came of one."""
        row = replace(row, model=recording.model or None)
        if recording.batch is Batch.ASKED:
            return replace(row, note="an order bills nothing: the output of its batch has the bill")
        if recording.absent:
            return replace(row, billable=True, cost_nanos=None, note=recording.absent)
        if recording.status >= HTTP_ERRORS:
            return replace(row, note=NOT_DONE)
        if recording.at is None and self._at is None:
            row = replace(row, note="when it was is not told: priced as of today")
        return self._at_full_price(self._answered(row, recording), recording)

    def _at_full_price(self, row: Audited, recording: Recording) -> Audited:
        """The same, with a word on it where the book has no price for batches of a model."""
        provider = provider_of(recording.request.host)
        if provider is None or not row.cost_nanos:
            return row
        for charge in row.charges:
            price = self._prices.find(provider.price_key, charge.model, row.at)
            if price is not None and BATCH not in price.variants:
                note = f"no price of {charge.model} in a batch is known: at its full price"
                return replace(row, note=_joined(row.note, note))
        return row

    def _answered(self, row: Audited, recording: Recording) -> Audited:
        request = recording.request
        found = match(request.host, request.method, request.path)
        if found is None:
            return replace(row, note="no LLM provider")
        provider, endpoint = found
        row = replace(row, provider=provider.name)
        if endpoint is None:
            return replace(row, note=f"unknown endpoint {request.method} {request.path}")
        row = replace(row, endpoint=endpoint.name)
        if endpoint.billing in (Billing.FREE, Billing.UPLOAD):
            return replace(row, note="free")
        if endpoint.billing is Billing.UNMETERABLE:
            return replace(row, cost_nanos=None, note="what it starts spends out of sight")
        try:
            ask = endpoint.read(request) if endpoint.read else Ask(model="")
        except FormatError as error:
            # Recorders lose uploads and cut bodies; the response may still tell the usage.
            ask = Ask(model="", stream="event-stream" in recording.headers.get("content-type", ""))
            row = replace(row, note=f"the request is not understood: {error}")
        if ask.made and not ask.model:
            known = self._made.get((provider.price_key, ask.made))
            ask = replace(ask, model=known.models[0] if known else ask.made)
        row = replace(row, model=ask.model or None)
        by_units = ask.measures or any(media.unit for media in ask.media)
        if by_units and (price := self._prices.find(provider.price_key, ask.model, row.at)):
            try:
                ask = sold(ask, price, looked=True) or ask
            except FormatError as error:
                row = replace(row, note=str(error))
        return self._metered(row, recording, provider, endpoint, ask)

    @staticmethod
    def _absent(row: Audited, recording: Recording) -> Audited | None:
        """The row of what costs something and was not recorded; None: it costs nothing anyway."""
        request, note = recording.request, recording.absent
        provider = provider_of(request.host)
        if provider is not None and socket_of(provider, request) is not None:
            unknown = replace(row, billable=True, cost_nanos=None, note=note)
            return replace(unknown, provider=provider.name, endpoint="session")
        found = match(request.host, request.method, request.path)
        if found is None or found[1] is None or found[1].billing is not Billing.METERED:
            return None
        if recording.status >= HTTP_ERRORS:
            return None
        named = replace(row, provider=found[0].name, endpoint=found[1].name)
        return replace(named, billable=True, cost_nanos=None, note=note)

    def _session(self, row: Audited, recording: Recording) -> Audited:
        """All that a WebSocket session was billed for, in one row."""
        request = recording.request
        provider = provider_of(request.host)
        wire = socket_of(provider, request) if provider else None
        if provider is None or wire is None:
            where = f"{request.host}{request.path}"
            return replace(row, note=f"no session that is known: {where}")
        told = read_session(wire, request, recording.frames)
        row = replace(
            row,
            provider=provider.name,
            endpoint="session",
            model=told.model or None,
            billable=bool(told.charges or told.silent),
            charges=told.charges,
            responses=told.responses,
        )
        if told.silent and not told.charges:
            return replace(row, cost_nanos=None, note="no usage in the session")
        reading = Reading(charges=told.charges, complete=not told.silent)
        return self._priced(row, provider, reading, Ask(model=told.model))

    def _metered(
        self, row: Audited, recording: Recording, provider: Provider, endpoint: Endpoint, ask: Ask
    ) -> Audited:
        status = recording.status
        meter = Meter(endpoint, ask, status=status, headers=recording.headers)
        meter.feed(recording.body)
        reading = meter.finish()
        self._made |= {(provider.price_key, made.id): made for made in reading.made}
        served = reading.model or next((charge.model for charge in reading.charges), None)
        row = replace(row, model=served or row.model, charges=reading.charges)
        known = bool(reading.charges) or reading.billed_usd is not None
        if endpoint.billing is Billing.DEFERRED:
            if not self._is_ours(recording, provider, endpoint, reading):
                return replace(row, charges=(), note="nothing that was ordered here")
            reading = replace(reading, complete=reading.complete and not meter.failed)
            return self._deferred(row, recording, provider, reading, ask)
        if status >= 300 and not known:
            body = meter.error_body(whole=True)
            return self._refused(row, recording, body, provider, ask)
        if reading.deferred and (ask.files or ask.parts):
            # An order of later work: the bill is with those who fetch it.
            self._ordered.add((provider.name, _order_of(reading)))
            return replace(row, note="its usage comes with a later request")
        if ask.kept_seconds:
            note = "what it costs depends on how long it is kept"
            return replace(row, charges=(), cost_nanos=None, note=note)
        row = replace(row, billable=True)
        if known:
            self._remember(provider, reading)
            return self._priced(row, provider, reading, ask)
        if reading.deferred:
            return replace(row, note="its usage comes with a later request")
        told = reading.visible_bytes if ask.generates else len(recording.body)
        if told and not reading.error and _is_text(recording):
            return self._counted(row, recording, provider, reading, ask)
        reason = meter.failed or (reading.error and f"error in the answer: {reading.error}")
        if not status:
            reason = "no response was recorded"
        reason = _joined(row.note, reason or "no usage in the response")
        return replace(row, cost_nanos=None, note=reason)

    def _deferred(
        self, row: Audited, recording: Recording, provider: Provider, reading: Reading, ask: Ask
    ) -> Audited:
        row = replace(row, deferred=True)
        if not reading.charges and reading.billed_usd is None:
            return _without_usage(row, recording, reading)
        if reading.response_id and (provider.name, reading.response_id) in self._charged:
            return replace(row, note="charged with an earlier exchange")
        self._remember(provider, reading)
        priced = self._priced(row, provider, reading, ask)
        return replace(priced, note=_joined("usage of an earlier call", priced.note))

    def _is_ours(
        self, recording: Recording, provider: Provider, endpoint: Endpoint, reading: Reading
    ) -> bool:
        """Whether its order was seen; if so, further names of its bill are known from now on."""
        if endpoint.charges_strangers or recording.batch is not None:
            return True
        if (provider.name, _order_of(reading)) not in self._ordered:
            return False
        self._ordered.update((provider.name, name) for name in reading.also)
        return True

    def _counted(
        self, row: Audited, recording: Recording, provider: Provider, reading: Reading, ask: Ask
    ) -> Audited:
        """An answer without usage, as streams are that did not ask for it: text is all there is."""
        input_tokens = self._counter.count(texts(recording.request))
        written = max(-(-reading.visible_bytes // BYTES_PER_TOKEN), reading.visible_events)
        usage = Usage(input_tokens, written if ask.generates else 0, extras=ask.fees)
        charge = Charge(reading.model or ask.model, usage)
        row = replace(row, charges=(charge,), assumed=True, note="no usage was told: an estimate")
        return self._priced(row, provider, replace(reading, charges=(charge,), complete=True), ask)

    def _refused(
        self, row: Audited, recording: Recording, body: bytes | None, provider: Provider, ask: Ask
    ) -> Audited:
        """An error without usage: free, but where its vendor bills such for its input at least."""
        note = f"the provider answered {recording.status}"
        told = refused(provider.name, recording.status, body)
        if told is None:
            return replace(row, note=note)
        note = f"{note} and may bill {told.bills}: at least its input"
        row = replace(row, billable=True)
        if not _is_text(recording):
            return replace(row, cost_nanos=None, note=note)
        row = self._counted(row, recording, provider, Reading(), ask)
        fee = ceil_nanos(fee_usd(provider.name, row.endpoint or ""))
        cost = row.cost_nanos if row.cost_nanos is None else max(row.cost_nanos, fee)
        return replace(row, cost_nanos=cost, note=note)

    def _remember(self, provider: Provider, reading: Reading) -> None:
        for name in (reading.response_id, *reading.also):
            if name:
                self._charged.add((provider.name, name))

    def _priced(self, row: Audited, provider: Provider, reading: Reading, ask: Ask) -> Audited:
        notes = [row.note] if row.note else []
        if not reading.complete:
            notes.append("the response broke off: at least this")
        if reading.billed_usd is not None:
            notes.append("the provider's own bill")
            return replace(row, cost_nanos=ceil_nanos(reading.billed_usd), note=_joined(*notes))
        try:
            usd = Decimal(0)
            for charge in reading.charges:
                if charge.is_free(row.at):
                    notes.append(f"{charge.model} refused before any output: not billed")
                    continue
                terms = billed(charge.terms, reading.untold)
                usd += self._cost(row, provider, replace(charge, terms=terms), ask, notes)
        except PriceError as error:
            return replace(row, cost_nanos=None, note=_joined(*notes, str(error)))
        return replace(row, cost_nanos=ceil_nanos(usd), note=_joined(*notes))

    def _cost(
        self, row: Audited, provider: Provider, charge: Charge, ask: Ask, notes: list[str]
    ) -> Decimal:
        price = self._prices.find(provider.price_key, charge.model, row.at)
        if price is None and ask.model:
            price = self._prices.find(provider.price_key, ask.model, row.at)
            if price is not None:
                notes.append(f"{charge.model} has no price: billed as {ask.model}")
        if price is None:
            raise PriceError(f"no price for {provider.price_key}/{charge.model or ask.model}")
        fee = Decimal(0)
        if ask.model and ask.model != charge.model:
            asked = self._prices.find(provider.price_key, ask.model, row.at)
            fee = router_fee(asked, price, charge.usage)
        return cost_usd(charge.usage, price, charge.terms) + fee


def _order_of(reading: Reading) -> str:
    """The id of an order, whichever way its bill is told."""
    return (reading.response_id or "").removesuffix(BY_LINES)


def _without_usage(row: Audited, recording: Recording, reading: Reading) -> Audited:
    """What is told later and not here; of a batch's line: its call failed, or nobody knows."""
    if recording.batch is None:
        return replace(row, note="costs nothing itself")
    if reading.complete:
        return replace(row, note=NOT_DONE)
    note = _joined(row.note, "no usage in its answer")
    return replace(row, billable=True, cost_nanos=None, note=note)


def _is_text(recording: Recording) -> bool:
    """Whether the request is a prompt in JSON, and not a recording of sound in a form."""
    try:
        return bool(recording.request.document())
    except FormatError:
        return False


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
