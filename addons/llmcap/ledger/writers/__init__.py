"""
How several writers get along at one file: in turns at its lock, and with a log that stays short.

The path of a ledger comes in. Whether it is somebody else's turn goes out, and the log is shorter.
What stands in the ledger is never changed here, and no correctness rests on any of it.
"""
