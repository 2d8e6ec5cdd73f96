"""
The adversary over nodes: one cap, several nodes, and everything between them that can break.

A node is a process with LLMCap's ledger and walk in it, as a proxy has them, and with the treasury
of its config. Its clients and its provider are here, in one process, which sees every bill at every
instant and shares no rule with LLMCap: a call is billed when the provider is asked, whether or not
anybody is there to hear the answer.

    desk    the provider and the clients, at the other end of each node's connection
    node    the process: admit, ask, meter, settle
    relay   a network between a node and PostgreSQL that can be cut in either direction
    nodes   starting, killing, restoring and stopping node processes
    vault   the treasury as a judge sees it: what is out, to whom, and what was told
    cases   what is broken in which case, and when
    drive   one case, until its cap is used up for good
    report  the figures, and the promises that they break
"""
