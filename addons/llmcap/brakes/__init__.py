"""
What stops or eases spending before a cap does: thresholds, breakers, forecasts.

Balances and the ends of calls come in; out goes what to do to the next call: stop it, send it to a
cheaper model, hold it back. A brake never lets a call go that the ledger would refuse.
"""
