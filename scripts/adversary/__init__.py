"""
The adversary: the real mitmdump with LLMCap, a provider that bills for itself, and bad clients.

Every case drives traffic until a budget is used up, then compares two independent books: what the
provider says it generated, and what LLMCap says it spent. It shares no rule with LLMCap: prices and
token counts are the fake provider's own.

    calls      one call as an adversary plans it: which API, how it is asked, how its client leaves
    client     a raw HTTP/1.1 client through the proxy, and what became of each call
    world      the provider, one or several proxies on one ledger, and the two books
    drive      parallel clients, the refusal that stays, and proxies that are killed
    cases      the scenarios of each profile
    probes     what goes on beside the money: pages, many values, hostile names
    hostile    calls with names that would reach a terminal or a log
    callbacks  an addon that measures the callbacks of the proxy's event loop
    report     figures of one case, the promises, the table
"""
