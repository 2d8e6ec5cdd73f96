"""
What becomes of a connection to a host that sells model calls and is not metered.

What goes there is not decrypted, so the host is all that is known: it passes, passes and is told
once, or is refused with what to do.
"""

from llmcap.providers import provider_of
from llmcap.providers.unmetered import Unmetered, unmetered
from llmcap.replies import Refusal
from llmcap.shared.state import Shared
from llmcap.words.records import Policy
from llmcap.words.rules import HostPolicy


def refused_host(shared: Shared, host: str) -> Refusal | None:
    """Why nothing may go to this host; None where it may, or nobody sells there."""
    found = None if provider_of(host) else unmetered(host)
    if found is None:
        return None
    verdict = _verdict(shared.policy, found, host)
    if verdict is HostPolicy.PASS:
        return None
    refused = verdict is HostPolicy.REFUSE
    what = "refused" if refused else "it passes, and no budget counts it"
    told = f"{host} sells {found.sells} and is not metered ({found.name}): {what}"
    shared.notify_once("unmetered_host", told, subject=found.name)
    return Refusal(reason="unmetered_host", message=_reason(found, host)) if refused else None


def _verdict(policy: Policy, found: Unmetered, host: str) -> HostPolicy:
    host = host.lower().rstrip(".")
    for named in policy.pass_hosts:
        if named in (found.name, host) or (named[0] == "*" and host.endswith(named[1:])):
            return HostPolicy.PASS
    if policy.unmetered_hosts is HostPolicy.AUTO:
        return found.unless_said
    return policy.unmetered_hosts


def _reason(found: Unmetered, host: str) -> str:
    return (
        f"LLMCap does not meter {host}, which sells {found.sells} ({found.name}), so it opened no "
        "connection: what it costs would be in no budget. Retrying does not help. To let it pass "
        f"unmetered, set `pass_hosts: [{host}]` in the LLMCap config, or `unmetered_hosts: warn` "
        "for all such hosts. A host that speaks a provider's API is metered once `providers` "
        "names it."
    )
