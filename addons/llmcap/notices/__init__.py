"""
What people are told: the events of a proxy, their log, and who brings them where.

Something that happened comes in; out goes an event, once where once is enough, to the log and to
the places that the config names. A notice never holds up a call, and never quotes a prompt or a
key.
"""
