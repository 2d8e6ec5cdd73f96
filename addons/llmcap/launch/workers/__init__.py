"""
One proxy in several processes: they take connections at one port, and share a ledger.

The settings of `llmcap up` come in with a number of workers; out goes one proxy that stands, for
whom one process answers: it starts the workers, puts another in the place of one that ended, and
ends them. It never serves a client itself, and a worker never outlives it.
"""
