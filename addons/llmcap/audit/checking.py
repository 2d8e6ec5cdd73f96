"""
What recorded traffic cost, by the code that meters live traffic: match, read, meter, price.

Each exchange is priced at the time of its recording. A usage that is told twice (a background
response that is fetched, a batch's results that are read again) is charged once in all, by the
response's id, to the exchange that tells it first.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from llmcap.audit.audited import Audited
from llmcap.audit.memory import Memory
from llmcap.audit.parts import HTTP_ERRORS, Batch, decoded
from llmcap.audit.recordings import Recording
from llmcap.audit.twice import Batches, in_batch
from llmcap.bounds.estimate import TokenCounter, sold
from llmcap.metering.bill import router_fee
from llmcap.metering.meter import Meter
from llmcap.pricing import PriceBook, cost_usd
from llmcap.pricing.terms import BATCH, SUMMED, billed
from llmcap.providers import match, provider_of
from llmcap.providers.openai.batches import BY_LINES
from llmcap.providers.parts.content import texts
from llmcap.providers.parts.refused import fee_usd, refused
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Provider
from llmcap.providers.sockets import socket_of
from llmcap.sockets import read_session
from llmcap.words.errors import FormatError, PriceError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Charge, Reading, Usage
from llmcap.words.usage import Made

REGION_UNTOLD = "in which region is not told: at the price of one"  # of Bedrock's and Vertex's
CHARGED = "charged with an earlier exchange"
NOT_DONE = "its call failed or was not done: not billed"  # of a batch's line

# English text, by OpenAI's rule of thumb: https://help.openai.com/en/articles/4936856
BYTES_PER_TOKEN = 4

# What is remembered: bills that were charged, orders whose bill may come, and what was made that a
# later exchange may name.
_CHARGED, _ORDERED, _MADE = "charged", "ordered", "made"


class Auditor:
    """Audits exchanges one after the other and remembers what was charged."""

    def __init__(
        self,
        prices: PriceBook,
        *,
        now: datetime,
        at: datetime | None = None,
        memory: Memory | None = None,
    ) -> None:
        """`at` prices everything as of that time; else each exchange at its own, or at `now`."""
        self._prices = prices
        self._now = now
        self._at = at
        self._memory = Memory() if memory is None else memory
        self._batches = Batches(self._memory)
        self._counter = TokenCounter()

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
        row = row._replace(model=recording.model or None)
        if recording.batch is Batch.ASKED:
            return row._replace(note="an order bills nothing: the output of its batch has the bill")
        if recording.absent:
            return row._replace(billable=True, cost_nanos=None, note=recording.absent)
        if recording.status >= HTTP_ERRORS:
            return row._replace(note=NOT_DONE)
        if recording.at is None and self._at is None:
            row = row._replace(note="when it was is not told: priced as of today")
        if recording.batch is Batch.CALLED:
            row = row._replace(note=_joined(row.note, REGION_UNTOLD))
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
                return row._replace(note=_joined(row.note, note))
        return row

    def _answered(self, row: Audited, recording: Recording) -> Audited:
        request = recording.request
        found = match(request.host, request.method, request.path)
        if found is None:
            return row._replace(note="no LLM provider")
        provider, endpoint = found
        if endpoint is None:
            row = row._replace(provider=provider.name)
            note = f"unknown endpoint {request.method} {request.path}"
            if provider.api_only and request.method == "POST" and recording.is_answered:
                return row._replace(cost_nanos=None, note=note)
            return row._replace(note=note)
        row = row._replace(provider=provider.name, endpoint=endpoint.name)
        if endpoint.billing in (Billing.FREE, Billing.UPLOAD):
            return row._replace(note="free")
        if endpoint.billing is Billing.UNMETERABLE:
            return row._replace(cost_nanos=None, note="what it starts spends out of sight")
        try:
            ask = endpoint.read(request) if endpoint.read else Ask(model="")
        except FormatError as error:
            # Recorders lose uploads and cut bodies; the response may still tell the usage.
            ask = Ask(model="", stream="event-stream" in recording.headers.get("content-type", ""))
            row = row._replace(note=f"the request is not understood: {error}")
        if ask.made and not ask.model:
            known: Made | None = self._memory.get((_MADE, provider.price_key, ask.made))
            ask = replace(ask, model=known.models[0] if known else ask.made)
        by_units = ask.measures or any(media.unit for media in ask.media)
        if by_units and (price := self._prices.find(provider.price_key, ask.model, row.at)):
            try:
                ask = sold(ask, price, looked=True) or ask
            except FormatError as error:
                row = row._replace(note=str(error))
        return self._metered(row, recording, provider, endpoint, ask)

    @staticmethod
    def _absent(row: Audited, recording: Recording) -> Audited | None:
        """The row of what costs something and was not recorded; None: it costs nothing anyway."""
        request, note = recording.request, recording.absent
        provider = provider_of(request.host)
        tunnel = request.method == "CONNECT"
        if provider is not None and (tunnel or socket_of(provider, request) is not None):
            row = row._replace(billable=True, cost_nanos=None, note=note)
            where = "tunnel" if tunnel else "session"
            return row._replace(provider=provider.name, endpoint=where)
        found = match(request.host, request.method, request.path)
        if found is None or found[1] is None or found[1].billing is not Billing.METERED:
            return None
        if recording.status >= HTTP_ERRORS:
            return None
        named = row._replace(provider=found[0].name, endpoint=found[1].name)
        return named._replace(billable=True, cost_nanos=None, note=note)

    def _session(self, row: Audited, recording: Recording) -> Audited:
        """All that a WebSocket session was billed for, in one row."""
        request = recording.request
        provider = provider_of(request.host)
        wire = socket_of(provider, request) if provider else None
        if provider is None or wire is None:
            where = f"{request.host}{request.path}"
            return row._replace(note=f"no session that is known: {where}")
        told = read_session(wire, request, recording.frames)
        row = row._replace(
            provider=provider.name,
            endpoint="session",
            model=told.model or None,
            billable=bool(told.charges or told.silent),
            charges=told.charges,
            responses=told.responses,
        )
        if told.silent and not told.charges:
            return row._replace(cost_nanos=None, note="no usage in the session")
        reading = Reading(charges=told.charges, complete=not told.silent)
        return self._priced(row, provider, reading, Ask(model=told.model))

    def _metered(
        self, row: Audited, recording: Recording, provider: Provider, endpoint: Endpoint, ask: Ask
    ) -> Audited:
        status = recording.status
        meter = Meter(endpoint, ask, status=status, headers=recording.headers)
        meter.feed(recording.body)
        reading = meter.finish()
        self._learn(provider, reading)
        served = reading.model or next((charge.model for charge in reading.charges), None)
        row = row._replace(model=served or ask.model or None, charges=reading.charges)
        known = bool(reading.charges) or reading.billed_usd is not None
        if endpoint.billing is Billing.DEFERRED:
            if not self._is_ours(recording, provider, endpoint, reading):
                return row._replace(charges=(), note="nothing that was ordered here")
            reading = replace(reading, complete=reading.complete and not meter.failed)
            return self._deferred(row, recording, (provider, endpoint), reading, ask)
        if status >= 300 and not known:
            body = meter.error_body(whole=True)
            return self._refused(row, recording, body, provider, ask)
        if reading.deferred and (ask.files or ask.parts):
            # An order of later work: the bill is with those who fetch it.
            self._memory.note((_ORDERED, provider.name, _order_of(reading)))
            return row._replace(note="its usage comes with a later request")
        if ask.kept_seconds:
            note = "what it costs depends on how long it is kept"
            return row._replace(charges=(), cost_nanos=None, note=note)
        if known:
            return self._known(row, recording, provider, reading, ask)
        row = row._replace(billable=True)
        if reading.deferred:
            return row._replace(note="its usage comes with a later request")
        told = reading.visible_bytes if ask.generates else len(recording.body)
        if told and not reading.error and recording.is_prompt:
            return self._counted(row, recording, provider, reading, ask)
        reason = meter.failed or (reading.error and f"error in the answer: {reading.error}")
        if not status:
            reason = "no response was recorded"
        reason = _joined(row.note, reason or "no usage in the response")
        return row._replace(cost_nanos=None, note=reason)

    def _known(
        self, row: Audited, recording: Recording, provider: Provider, reading: Reading, ask: Ask
    ) -> Audited:
        """An answer that tells its usage, to whom asked or in the file of a batch."""
        if recording.batch is Batch.CALLED:
            if self._is_charged(provider, reading):
                return row._replace(billable=True, charges=(), note=CHARGED)
            reading = in_batch(reading)
        self._remember(provider, reading)
        row = row._replace(billable=True, charges=reading.charges)
        return self._priced(row, provider, reading, ask)

    def _deferred(
        self,
        row: Audited,
        recording: Recording,
        found: tuple[Provider, Endpoint],
        reading: Reading,
        ask: Ask,
    ) -> Audited:
        provider, endpoint = found
        row = row._replace(deferred=True)
        if not reading.charges and reading.billed_usd is None:
            return _without_usage(row, recording, reading)
        if self._is_charged(provider, reading):
            return row._replace(note=CHARGED)
        self._remember(provider, reading)
        output = decoded(recording.body, recording.headers.get("content-encoding", ""))
        left = self._batches.unseen(provider.name, output)
        if left != output:
            if not left.strip():
                return row._replace(charges=(), note=CHARGED)
            kind = {"content-type": recording.headers.get("content-type", "")}
            rest = Meter(endpoint, ask, status=recording.status, headers=kind)
            rest.feed(left)
            reading = replace(rest.finish(), complete=reading.complete)
        charges, told = self._charged_once(recording, provider, reading)
        if not charges and reading.charges:
            return row._replace(charges=(), note=_joined(row.note, told))
        priced = self._priced(row, provider, replace(reading, charges=charges), ask)
        priced = priced._replace(charges=charges)
        return priced._replace(note=_joined("usage of an earlier call", told, priced.note))

    def _charged_once(
        self, recording: Recording, provider: Provider, reading: Reading
    ) -> tuple[tuple[Charge, ...], str]:
        """What of its charges neither a batch nor its lines have told already, and a word on it."""
        charges, told = [], set()
        for charge in reading.charges:
            if recording.batch is not None:
                if batch := self._batches.of_line(provider.name, charge, recording.at):
                    told.add(f"charged with {batch}, whose sums have it")
                    continue
            elif SUMMED in charge.terms:
                name = reading.response_id or ""
                left = self._batches.of_sums(provider.name, charge, name, recording.body)
                if left != charge:
                    told.add("what its lines told was charged with them")
                if left is None:
                    continue
                charge = left  # noqa: PLW2901 - what is left of it
            charges.append(charge)
        return tuple(charges), "; ".join(sorted(told))

    def _is_ours(
        self, recording: Recording, provider: Provider, endpoint: Endpoint, reading: Reading
    ) -> bool:
        """Whether its order was seen; if so, further names of its bill are known from now on."""
        if endpoint.charges_strangers or recording.batch is not None:
            return True
        if not self._memory.get((_ORDERED, provider.name, _order_of(reading))):
            return False
        for name in reading.also:
            self._memory.note((_ORDERED, provider.name, name))
        return True

    def _counted(
        self, row: Audited, recording: Recording, provider: Provider, reading: Reading, ask: Ask
    ) -> Audited:
        """An answer without usage, as streams are that did not ask for it: text is all there is."""
        input_tokens = self._counter.count(texts(recording.request))
        written = max(-(-reading.visible_bytes // BYTES_PER_TOKEN), reading.visible_events)
        usage = Usage(input_tokens, written if ask.generates else 0, extras=ask.fees)
        charge = Charge(reading.model or ask.model, usage)
        row = row._replace(charges=(charge,), assumed=True, note="no usage was told: an estimate")
        return self._priced(row, provider, replace(reading, charges=(charge,), complete=True), ask)

    def _refused(
        self, row: Audited, recording: Recording, body: bytes | None, provider: Provider, ask: Ask
    ) -> Audited:
        """An error without usage: free, but where its vendor bills such for its input at least."""
        note = f"the provider answered {recording.status}"
        told = refused(provider.name, recording.status, body)
        if told is None:
            return row._replace(note=note)
        note = f"{note} and may bill {told.bills}: at least its input"
        row = row._replace(billable=True)
        if not recording.is_prompt:
            return row._replace(cost_nanos=None, note=note)
        row = self._counted(row, recording, provider, Reading(), ask)
        fee = ceil_nanos(fee_usd(provider.name, row.endpoint or ""))
        cost = row.cost_nanos if row.cost_nanos is None else max(row.cost_nanos, fee)
        return row._replace(cost_nanos=cost, note=note)

    def _learn(self, provider: Provider, reading: Reading) -> None:
        for made in reading.made:
            self._memory.put((_MADE, provider.price_key, made.id), made)

    def _is_charged(self, provider: Provider, reading: Reading) -> bool:
        """Whether an earlier exchange has told the same bill."""
        name = reading.response_id
        return bool(name and self._memory.get((_CHARGED, provider.name, name)))

    def _remember(self, provider: Provider, reading: Reading) -> None:
        for name in (reading.response_id, *reading.also):
            if name:
                self._memory.note((_CHARGED, provider.name, name))

    def _priced(self, row: Audited, provider: Provider, reading: Reading, ask: Ask) -> Audited:
        notes = [row.note] if row.note else []
        if not reading.complete:
            notes.append("the response broke off: at least this")
        if reading.billed_usd is not None:
            notes.append("the provider's own bill")
            return row._replace(cost_nanos=ceil_nanos(reading.billed_usd), note=_joined(*notes))
        try:
            usd = Decimal(0)
            for charge in reading.charges:
                if charge.is_free(row.at):
                    notes.append(f"{charge.model} refused before any output: not billed")
                    continue
                terms = billed(charge.terms, reading.untold)
                usd += self._cost(row, provider, charge, terms, ask, notes)
        except PriceError as error:
            return row._replace(cost_nanos=None, note=_joined(*notes, str(error)))
        return row._replace(cost_nanos=ceil_nanos(usd), note=_joined(*notes))

    def _cost(
        self,
        row: Audited,
        provider: Provider,
        charge: Charge,
        terms: tuple[str, ...],
        ask: Ask,
        notes: list[str],
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
        return cost_usd(charge.usage, price, terms) + fee


def _order_of(reading: Reading) -> str:
    """The id of an order, whichever way its bill is told."""
    return (reading.response_id or "").removesuffix(BY_LINES)


def _without_usage(row: Audited, recording: Recording, reading: Reading) -> Audited:
    """What is told later and not here; of a batch's line: its call failed, or nobody knows."""
    if recording.batch is None:
        return row._replace(note="costs nothing itself")
    if reading.complete:
        return row._replace(note=NOT_DONE)
    note = _joined(row.note, "no usage in its answer")
    return row._replace(billable=True, cost_nanos=None, note=note)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
