"""
What a provider says that it billed, beside what the ledger says: each difference with its cause.

Export files and pages of admin APIs come in, as their vendors document them; the sums of the ledger
lie beside them by day, model and kind of token, and a verdict goes out. Reading never changes the
ledger, and no admin key is ever written anywhere.
"""
