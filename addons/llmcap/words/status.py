"""
Where a proxy of ours tells its clients what is spent and left: a page on a host that is nowhere.

Nothing else is in this file, as a line in somebody's prompt waits for its import.
"""

HOST = "llmcap.internal"
PATH = "/status.json"
