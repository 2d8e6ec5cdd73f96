"""
How far a stream may run on the money that is held for it.

Under a ceiling the provider itself keeps to the limit that it was given; only output that is
certainly above it shows that it does not. A sliced stream holds a part of its output at a time and
more as it flows, ahead of it: by what a provider makes until it notices that it was stopped, at the
pace that was seen. Neither looks at every event: no text has more tokens than bytes, so until
`next_look` bytes of output were seen, nothing can be wrong.
"""

from collections.abc import Callable

from llmcap.ledger import Ledger
from llmcap.metering.visible import BYTES_PER_TOKEN_MAX
from llmcap.words.errors import LedgerBusy, LedgerError
from llmcap.words.records import Demand, Hold

# The frames of later events are at least this part of those of earlier ones.
FRAME_SHARE = 4

# After which part of its limit an answer that may have passed it is looked at again.
LOOK_PART = 4

# How far ahead of its output a sliced stream holds money, and how far one that passed its limit.
SLICE_AHEAD_TOKENS = 2_048
OVERRUN_AHEAD_TOKENS = 256

# How many pieces of an answer may pass while other processes keep the ledger to themselves, before
# that counts as a budget that cannot carry more.
ASKED_MAX = 100

# Where a budget cannot carry another slice, smaller ones use it up, down to this.
SLICE_TOKENS_MIN = 128


class Allowance:
    """The hold of one call, extended as its output needs it."""

    def __init__(
        self,
        ledger: Ledger,
        hold: Hold,
        demand: Demand,
        *,
        limit: int,
        choices: int,
        sliced: bool,
        notify: Callable[[str, str], None],
    ) -> None:
        """`limit` is what the provider was told: tokens for each of the choices."""
        self.hold = hold
        # Another process was writing: whether more can be held is asked again at the next piece.
        self.asks_again = False
        self._asked = 0  # how often in a row
        self.demand = demand
        self.sliced = sliced
        self._ledger = ledger
        self._notify = notify
        self._fixed_nanos = demand.fixed_nanos
        self._per_token = demand.per_output_nanos / choices
        self.told_limit = limit * choices
        self.next_look = self.covered - (SLICE_AHEAD_TOKENS // 2 if sliced else 0)

    @property
    def covered(self) -> int:
        """Tokens of output, all choices together, that the hold can pay for."""
        if not self._per_token:
            return self.told_limit
        return int((self.hold.held_nanos - self._fixed_nanos) / self._per_token)

    def unread_max(self, seen_bytes: int, *, event_bytes: int) -> int:
        """
        How many raw bytes may pass unread, after so many visible ones, until a look is due.

        `event_bytes` is what an event with output took so far. Under a ceiling that matters only if
        the provider does not keep to its limit, and it would not change its frames for that.
        """
        left = self.next_look - seen_bytes
        if self.sliced:
            return left
        return left * max(event_bytes // FRAME_SHARE, BYTES_PER_TOKEN_MAX)

    def pays(self, cost_nanos: int) -> bool:
        """Whether the hold covers this cost, after an extension where there is money for one."""
        return self._reach(cost_nanos)

    def fits(self, visible_bytes: int, made: int, *, coming: int = 0) -> bool:
        """
        Whether the output so far is covered; sets when to look again.

        `made` are its tokens: of a slice the most that it can be, else the least; `coming` is what
        may be on its way beside it.
        """
        if self.sliced:
            return self._fits_slice(visible_bytes, made, coming)
        if made > self.told_limit:
            # It does not keep to its limit: what it may have made by now is held before it is seen.
            ahead = max(OVERRUN_AHEAD_TOKENS, coming)
            if made + ahead > self.covered and not self._reach_tokens(made + 2 * ahead):
                return False
            made += ahead
        further = self.covered - made
        if visible_bytes > self.told_limit:
            further = min(further, self.told_limit // LOOK_PART)
        self.next_look = visible_bytes + max(further, 1)
        return True

    def _fits_slice(self, visible_bytes: int, tokens: int, coming: int) -> bool:
        """Hold a slice ahead of the output, up to the limit that the provider keeps."""
        ahead = max(SLICE_AHEAD_TOKENS, 2 * coming)
        due = max(ahead // 2, coming)  # what must be ahead, or else more is held
        if self.covered < min(tokens + due, self.told_limit):
            while not self._reach_tokens(min(tokens + ahead, self.told_limit)):
                if ahead <= SLICE_TOKENS_MIN:
                    break
                ahead //= 2
        if self.covered >= self.told_limit:
            self.sliced = False
            self.next_look = self.covered
            return True
        left = self.covered - tokens
        # Where there is no more now, there may be before the rest is used up.
        look = left - due if left > due else (left - coming) // 2
        self.next_look = visible_bytes + max(look, 1)
        return left >= coming

    def _reach_tokens(self, tokens: int) -> bool:
        return self._reach(self._fixed_nanos + int(tokens * self._per_token) + 1)

    def _reach(self, nanos: int) -> bool:
        """Hold that much, if every budget can carry it."""
        self.asks_again = False
        missing = nanos - self.hold.held_nanos
        if missing <= 0:
            return True
        more_tokens = int(missing / self._per_token) + 1 if self._per_token else 0
        try:
            extended = self._ledger.extend(self.hold, missing, more_tokens)
        except LedgerBusy:
            self.asks_again = True
            self._asked += 1
            return self._asked < ASKED_MAX
        except LedgerError as error:
            self._notify("ledger_error", str(error))
            return False
        if extended is None:
            return False
        self.hold = extended
        self._asked = 0
        return True
