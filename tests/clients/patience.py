"""
How long the programs wait, for a connection too.

The providers' packages give a connection five seconds. On a machine that is busy with something
else the hundredth of those that a program opens at once takes longer: what the program then reports
is its own impatience, not what the proxy did.
"""

SECONDS = 300  # ends what hangs
