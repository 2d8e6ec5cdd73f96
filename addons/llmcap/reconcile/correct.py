"""
Assumed calls, brought to what the provider billed for them: as corrections, which are entries.

Only what `compare` found to be explained by assumed calls, wholly, is corrected. What was billed
for all of them is shared out as it was assumed; the sums are then the provider's to the nano.
"""

from collections.abc import Sequence

from llmcap.ledger import Ledger
from llmcap.ledger.history import PastCall
from llmcap.reconcile.compare import Cause, Difference
from llmcap.reconcile.ours import Counted, Ours, tokens_of
from llmcap.words.records import Call, Ending, Hold, Settlement, Usage

NOTE = "reconciled with the provider's bill"


def correct(ledger: Ledger, differences: Sequence[Difference], counted: Ours) -> int:
    """Write the corrections; of how many calls. Raises `LedgerError`."""
    done = 0
    for each in differences:
        own = counted.by_key.get((each.day, each.model))
        if each.cause is Cause.ASSUMED and own is not None and each.theirs.priced:
            done += _correct(ledger, each, own)
    return done


def _correct(ledger: Ledger, difference: Difference, own: Counted) -> int:
    calls = own.assumed_calls
    billed_nanos = max(difference.theirs.nanos - own.settled.nanos, 0)
    nanos = shared(billed_nanos, [call.cost_nanos for call in calls])
    counts = [tokens_of(call.usage) for call in calls]
    if difference.theirs.counted:
        # A provider that does not tell cached tokens apart tells them as input.
        folded = not any(difference.ours.tokens[1:3])
        told = [
            max(one - other, 0)
            for one, other in zip(
                difference.theirs.tokens, _settled(own.settled.tokens, folded=folded), strict=True
            )
        ]
        parts = [_settled(each, folded=folded) for each in counts]
        columns = [shared(told[kind], [each[kind] for each in parts]) for kind in range(4)]
        counts = [list(each) for each in zip(*columns, strict=True)]
    for call, cost, (plain, read, written, made) in zip(calls, nanos, counts, strict=True):
        usage = Usage(
            input_tokens=plain + read + written, output_tokens=made, cache_read=read,
            cache_write_5m=written,
        )  # fmt: skip
        settlement = Settlement(Ending.SETTLED, cost, usage, model=call.served_model, note=NOTE)
        ledger.correct(_hold(call), settlement)
    return len(calls)


def _settled(tokens: Sequence[int], *, folded: bool) -> list[int]:
    plain, read, written, made = tokens
    return [plain + read + written, 0, 0, made] if folded else list(tokens)


def shared(whole: int, parts: Sequence[int]) -> list[int]:
    """A sum shared out as the parts are to each other; what cannot be divided goes to the first."""
    total = sum(parts)
    if not total:
        parts, total = [1] * len(parts), len(parts)
    made = [whole * part // total for part in parts]
    made[0] += whole - sum(made)
    return made


def _hold(call: PastCall) -> Hold:
    """The hold that the call once had; a correction needs no more of it than its number."""
    asked = Call(call.id, call.at, call.provider, call.endpoint, call.model)
    return Hold(call.entry_id, asked, call.held_nanos, 0, (), ())
