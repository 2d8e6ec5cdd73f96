"""
What a proxy would do with traffic that is only told of: nothing is sent, and nothing is kept.

The same walk decides as for live traffic, over a ledger in memory; recorded answers are settled as
live ones are, so that a budget, a file or a conversation is known to the exchanges that follow.
`stage` walks plain exchanges, `sessions` WebSocket sessions, `verdicts` is what comes out.
"""

from llmcap.rehearsal.stage import Stage
from llmcap.rehearsal.verdicts import Rehearsed, Verdict, above_hold, composed, exact_usd

__all__ = ["Rehearsed", "Stage", "Verdict", "above_hold", "composed", "exact_usd"]
