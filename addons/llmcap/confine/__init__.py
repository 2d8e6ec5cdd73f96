"""
Over programs that do not cooperate: a command in a network of its own, whose only way out is us.

A command comes in; out go its connections, each with the name that it asked for. The kernel's
namespaces do it, without root: `inside` makes them and becomes the command; what it listened on it
has handed out before, so that `gate` serves it from the proxy's own loop. It never leaves a process
of ours inside, and never makes anything that could be left behind.
"""
