"""
What an answer used, and what that costs.

Pieces of an answer come in; a `Reading` of its usage goes out, its price, what of it was seen
while it came, how fast a model writes, and under which terms a caller is usually served. Never
decides whether a call may go on, and never writes to the ledger.
"""
