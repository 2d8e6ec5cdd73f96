"""Where a confined command may go."""

import pytest

from llmcap.confine.egress import PORTS, Egress, read_egress
from llmcap.words.errors import ConfigError


def read(*allow_hosts: str, deny_others: bool = False, **more: tuple[int, ...]) -> Egress:
    """As the command line gives it."""
    given = {"ports": (), "reach": (), **more}
    return read_egress(allow_hosts=allow_hosts, deny_others=deny_others, **given)


def test_every_name_may_be_reached_by_default() -> None:
    """On the usual ports."""
    egress = read()
    assert egress.allows("anything.example")
    assert egress.ports == PORTS
    assert not egress.allows_address("10.0.0.1")


def test_a_list_is_the_whole_list_but_for_providers() -> None:
    """Who calls a model is metered; that is what all of this is for."""
    egress = read("pypi.org", "*.example.com", deny_others=True)
    allowed = ["pypi.org", "a.b.example.com", "api.openai.com", "llmcap.internal"]
    assert [name for name in allowed if egress.allows(name)] == allowed
    denied = ["example.com", "evilexample.com", "pypi.org.evil.net", "files.pypi.org"]
    assert not [name for name in denied if egress.allows(name)]


def test_a_network_may_be_dialled_by_number() -> None:
    """An address has no name that could be asked for."""
    egress = read("10.1.0.0/16", "192.0.2.7")
    assert [egress.allows_address(each) for each in ("10.1.2.3", "192.0.2.7", "10.2.0.1")] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        pytest.param(["https://pypi.org"], "neither a host", id="a-url"),
        pytest.param(["pypi.org"], "--deny-other-hosts", id="allowed-anyway"),
        pytest.param(["127.0.0.1"], "--reach", id="loopback"),
        pytest.param(["0.0.0.0/0"], "own network", id="everything"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(hosts: list[str], said: str) -> None:
    """With what would make sense."""
    with pytest.raises(ConfigError, match=said):
        read(*hosts)


def test_more_ports_than_can_be_handed_out_are_refused() -> None:
    """None is left out in silence: as many as there may be are all listened on."""
    most = tuple(range(1, 251))
    assert read(ports=most).ports == most
    with pytest.raises(ConfigError, match="at most 250 listeners"):
        read(ports=most, reach=(5432,))
