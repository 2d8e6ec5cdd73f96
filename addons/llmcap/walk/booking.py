"""
How one call ended, in the ledger: once, and corrected when more is known.

What cannot be written now keeps its hold, and is tried again: a moment later where another process
writes, by the housekeeping where something failed.
"""

from collections.abc import Callable

from llmcap.shared.gauges import END
from llmcap.walk import prompted
from llmcap.walk.admission import Admission
from llmcap.walk.allowance import Allowance
from llmcap.words.errors import HoldEnded
from llmcap.words.money import usd_string
from llmcap.words.records import Balance, Ending, Hold, Settlement
from llmcap.words.usage import Made


class Booking:
    """Of one call, whose `settlement` is there when it has ended."""

    def __init__(self, admission: Admission, allowance: Allowance) -> None:
        self.settlement: Settlement | None = None
        # What it is taken to have cost where its prompt was known to be so many tokens.
        self.by_prompt: Callable[[int], Settlement] | None = None
        self._balances: tuple[Balance, ...] | None = None  # as the end of the hold left them
        self._admission = admission
        self._allowance = allowance
        self._shared = admission.shared

    @property
    def hold(self) -> Hold:
        """As it is now."""
        return self._allowance.hold

    def balances(self) -> tuple[Balance, ...]:
        """Of its budgets, as its end has left them, or as they are now."""
        if self._balances is not None:
            return self._balances
        return self._shared.ledger.balances_of(self.hold) if self.hold.scopes else ()

    def end(self, settlement: Settlement) -> None:
        """End the hold."""
        self.settlement = settlement
        self._shared.record(self._write)
        admission, call = self._admission, self.hold.call
        tokens = settlement.usage.input_tokens + settlement.usage.output_tokens
        self._shared.remember(call.provider, settlement.response_id, tokens)
        if admission.endpoint.named_later and (name := settlement.response_id):
            model = settlement.model or call.model
            made = Made(name, (model,), tuple(admission.ask.fees))
            self._shared.things.keep(admission.provider.price_key, made)

    def correct(self, settlement: Settlement) -> None:
        """
        It cost something else: the difference is an entry of its own.

        An end that is still to be written will be this one.
        """
        self.settlement = settlement
        if self._balances is not None:
            self._shared.record(self._write_correction)

    def wait_for_prompt(self) -> None:
        """It is over, and was assumed: a later answer may tell what its prompt has read."""
        assumed = self.settlement is not None and self.settlement.ending is Ending.ASSUMED
        if assumed and self.by_prompt is not None:
            prompted.wait(self._admission, self._told_prompt)

    def _told_prompt(self, tokens: int) -> None:
        assert self.settlement is not None, "what waits has ended"
        assert self.by_prompt is not None, "it waits to be told"
        found = self.by_prompt(tokens)
        if found.cost_nanos < self.settlement.cost_nanos:
            self.correct(found)

    def _write_correction(self) -> None:
        assert self.settlement is not None, "what is corrected was settled"
        self._shared.ledger.correct(self.hold, self.settlement)

    def _write(self) -> None:
        settlement, shared, hold = self.settlement, self._shared, self.hold
        if settlement is None or self._balances is not None:
            return
        try:
            with shared.gauges.timing(END):
                balances = shared.ledger.end(hold, settlement)
        except HoldEnded:
            self._balances = ()
            raise
        self._balances = balances
        if settlement.cost_nanos > hold.held_nanos:
            over = usd_string(settlement.cost_nanos - hold.held_nanos)
            name = f"{hold.call.provider}/{hold.call.model}"
            shared.notify("overrun", f"{name} cost {over} USD above its hold", subject=name)
        shared.line.wake()
        shared.guard.saw(zip(hold.scopes, balances, strict=True))
