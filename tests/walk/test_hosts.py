"""Promise: a connection to a seller that is not metered does what the config says."""

import pytest
from walk import walk

from llmcap.walk.hosts import refused_host
from llmcap.words.rules import HostPolicy

USE, FLAT = "queue.fal.run", "api2.cursor.sh"


@pytest.mark.parametrize(
    ("policy", "use", "flat"),
    [
        (HostPolicy.AUTO, "refused", "told"),
        (HostPolicy.REFUSE, "refused", "refused"),
        (HostPolicy.WARN, "told", "told"),
        (HostPolicy.PASS, "", ""),
    ],
)
def test_the_policy_decides(policy, use, flat):
    """About what bills by use, and about what is paid flat."""
    for host, verdict in ((USE, use), (FLAT, flat)):
        there = walk("1", unmetered_hosts=policy)
        refusal = refused_host(there.firewall.shared, host)
        assert (refusal is not None) is (verdict == "refused")
        assert [kind for kind, _ in there.events] == ["unmetered_host"] * bool(verdict)


@pytest.mark.parametrize("named", ["queue.fal.run", "fal", "*.fal.run", "*.run"])
def test_one_host_may_pass_all_the_same(named):
    """By its name, its domain, or the name of who sells there."""
    there = walk("1", unmetered_hosts=HostPolicy.REFUSE, pass_hosts=(named,))
    assert refused_host(there.firewall.shared, USE) is None
    assert refused_host(there.firewall.shared, FLAT) is not None


def test_the_reason_says_who_and_how_to_go_on():
    """With the very line of the config."""
    refusal = refused_host(walk("1").firewall.shared, USE)
    assert refusal.reason == "unmetered_host"
    for said in (USE, "pictures and films", f"pass_hosts: [{USE}]", "unmetered_hosts: warn"):
        assert said in refusal.message


def test_it_is_told_once_however_many_hosts_and_connections():
    """A program opens hundreds."""
    there = walk("1")
    for host in (FLAT, "api3.cursor.sh", FLAT):
        assert refused_host(there.firewall.shared, host) is None
    assert len(there.events) == 1


@pytest.mark.parametrize("host", ["example.com", "api.openai.com", "localhost", "fal.run.evil.org"])
def test_other_hosts_are_nobodys_business(host):
    """Providers are metered, the rest is not looked at."""
    there = walk("1", unmetered_hosts=HostPolicy.REFUSE)
    assert refused_host(there.firewall.shared, host) is None
    assert there.events == []
