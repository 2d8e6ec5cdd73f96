"""
What a stream has cost by now, looked at from time to time, for the case that its proxy is killed.

What was seen is no guess: only what came later is then left to the pace of the model. To look means
to read what could stay unread, so it is done once after a moment, and then whenever a good part of
the answer is new.
"""

from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from llmcap.ledger.pulse import BEAT
from llmcap.metering.meter import Meter
from llmcap.metering.visible import UNSEEN_TOKENS, Visible
from llmcap.pricing.terms import settled
from llmcap.walk.admission import Admission
from llmcap.words.records import Demand, Hold

# When the first look is due, how often another at most, and after which part of the time so far.
FIRST = timedelta(milliseconds=100)
OFTEN = BEAT
PART = 8


class Lookout:
    """On one call in flight."""

    def __init__(self, admission: Admission, hold: Hold, visible: Visible) -> None:
        self._admission = admission
        self._hold = hold
        self._visible = visible
        self._clock = admission.shared.clock
        self._looks = admission.ask.stream and admission.paced
        self._due = visible.asked_at + FIRST
        self._served: tuple[tuple[str, ...], Demand] | None = None

    def look(self, meter: Meter) -> None:
        """Tell the ledger what was seen, where that is due."""
        if not self._looks:
            return
        self._visible.heard_at = now = self._clock()
        if now < self._due:
            return
        self._due = now + max(OFTEN, (now - self._visible.asked_at) / PART)
        demand = self._under(meter.reading.terms)
        tokens = self._tokens(meter)
        choices = self._admission.ask.choices
        token = demand.per_output_nanos / choices
        self._admission.shared.ledger.saw(
            self._hold,
            sure_nanos=demand.fixed_nanos + _up(tokens * token),
            sure_tokens=demand.fixed_tokens + tokens,
            token_nanos=_up(token),
        )

    def _under(self, terms: tuple[str, ...]) -> Demand:
        """The demand under what was told, which answers tell once, mostly; and what is usual."""
        if self._served is None or self._served[0] != terms:
            known = settled(self._admission.habit, terms)
            self._served = (terms, self._admission.served_under(known))
        return self._served[1]

    def _tokens(self, meter: Meter) -> int:
        """The most that all choices have written by now."""
        admission = self._admission
        told = sum(charge.usage.output_tokens for charge in meter.reading.charges)
        tokens = max(self._visible.tokens(meter, runs=True), told)
        if not admission.shows_all:
            elapsed = self._clock() - self._visible.asked_at
            name, model = admission.provider.name, admission.ask.model
            pace = admission.shared.paces.most(name, model, elapsed)
            tokens = max(tokens, pace * admission.ask.choices)
        return tokens + UNSEEN_TOKENS


def _up(nanos: Decimal) -> int:
    return int(nanos.to_integral_value(ROUND_CEILING))
