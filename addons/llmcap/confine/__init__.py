"""
Over programs that do not cooperate: a command in a network of its own, whose only way out is us.

The kernel's namespaces do it, without root: `inside` makes them and becomes the command; what it
listened on it has handed out before, so that `gate` serves it from the proxy's own loop. No process
of ours stays inside, and nothing that could be left behind is ever made.
"""
