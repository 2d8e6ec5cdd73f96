"""The book of names that a confined command is answered from."""

from ipaddress import IPv4Address

import pytest

from llmcap.confine.names import FIRST, LAST, NETWORK, Names, is_own, plain_name


def test_every_name_has_an_address_of_its_own() -> None:
    """It stays the name's, and leads back to it."""
    names = Names()
    first, second = names.address_of("api.openai.com"), names.address_of("example.com")
    assert first != second
    assert names.address_of("api.openai.com") == first
    assert names.name_of(first) == "api.openai.com"
    assert IPv4Address(first) in NETWORK
    assert IPv4Address(second) in NETWORK


def test_an_address_that_nobody_was_told_means_nothing() -> None:
    """It was guessed."""
    assert Names().name_of("198.18.0.9") is None


def test_no_address_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all are given away, a new name has none, and the old ones keep theirs."""
    monkeypatch.setattr("llmcap.confine.names.LAST", FIRST + 1)
    names = Names()
    given = [names.address_of(name) for name in ("a", "b", "c", "a")]
    assert given[2] is None
    assert given[0] == given[3] != given[1]
    assert LAST - FIRST > 100_000


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        pytest.param("API.OpenAI.com.", "api.openai.com", id="letters"),
        pytest.param("_srv.db", "_srv.db", id="underscore"),
        pytest.param("db", "db", id="one-label"),
        pytest.param("104.18.6.192", "", id="an-address"),
        pytest.param("16909060", "", id="an-address-as-one-number"),
        pytest.param("0X01020304", "", id="an-address-in-base-16"),
        pytest.param("1.2.3.0x4", "", id="an-address-partly-in-base-16"),
        pytest.param("0x1f.example", "0x1f.example", id="a-number-first"),
        pytest.param("a..b", "", id="empty-label"),
        pytest.param("evil.com:443", "", id="a-port"),
        pytest.param("a b\r\nX-Y: 1", "", id="a-header"),
        pytest.param("a." * 130, "", id="too-long"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_only_what_can_be_a_hosts_name_is_one(asked: str, name: str) -> None:
    """It becomes part of a request, and must not lead anywhere by number."""
    assert plain_name(asked) == name


@pytest.mark.parametrize(
    "name", ["localhost", "a.localhost", "localhost.localdomain", "localhost6"]
)
def test_the_machine_itself_is_known_by_every_name(name: str) -> None:
    """The files of hosts outside would lead to the loopback there."""
    assert is_own(name)
    assert not is_own(f"{name}.example")
