"""
Usage that did not pass the proxy: what programs and gateways wrote down of their calls.

Files come in, rows of the ledger go out, each call once however often it is imported, marked with
where it is from. What passed the proxy is never imported, and nothing of a conversation is kept.
"""
