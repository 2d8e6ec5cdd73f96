"""
Recorded traffic, read as the proxy would have read it.

Files in the formats that people have come in; exchanges go out, and what each used and cost. Never
writes to a ledger, and never asks a provider.
"""
