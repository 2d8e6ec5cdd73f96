"""
What people look at again and again: the status line, `llmcap top`, the table of providers.

What the ledger and the tables say comes in; text goes out. A screen never writes to a ledger, and
the status line, which stands in prompts, imports nothing of ours before it must.
"""
