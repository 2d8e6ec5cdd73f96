"""
The budgets of a policy: what they count, over which window, and who waits for them.

A call's attributes and an instant come in; the scopes that it counts under and the bounds of their
windows go out. Never holds a balance: those are the ledger's.
"""
