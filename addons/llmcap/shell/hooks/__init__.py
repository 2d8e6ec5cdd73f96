"""
How mitmproxy's hooks reach those who listen to them.

A hook comes in; out go the same calls of the same functions, in the same order, that mitmproxy's
own manager of addons makes. It never decides about a call, and leaves out nobody who listens.
"""
