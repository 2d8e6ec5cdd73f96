"""
What a proxy would do with traffic that is only told of.

Recorded exchanges come in, or one request; out goes the verdict of the same walk that decides on
live traffic, over a ledger in memory, with what was held and why. Recorded answers are settled as
live ones are, so that a budget, a file or a conversation is known to the exchanges that follow.
It never sends anything, and keeps nothing. `stage` walks plain exchanges, `sessions` WebSocket
sessions, `verdicts` is what comes out.
"""

from llmcap.rehearsal.stage import Stage
from llmcap.rehearsal.verdicts import Rehearsed, Verdict, above_hold, composed, exact_usd

__all__ = ["Rehearsed", "Stage", "Verdict", "above_hold", "composed", "exact_usd"]
