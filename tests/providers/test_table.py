"""Promise: a host is its provider's, by name, domain or pattern, and nobody else's."""

import pytest

from llmcap.providers.parts.shape import Provider
from llmcap.providers.parts.table import Table


def provider(name: str, *hosts: str) -> Provider:
    """A provider that knows no path."""
    return Provider(name=name, hosts=hosts, match=lambda _method, _path: None)


CLOUD = provider("cloud", "models.*.cloud.example", "*-models.cloud.example")
SHOP = provider("shop", "api.shop.example", "*.api.shop.example")
TABLE = Table((CLOUD, SHOP))


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("models.eu-west-1.cloud.example", CLOUD),
        ("MODELS.EU-WEST-1.cloud.example.", CLOUD),
        ("eu-models.cloud.example", CLOUD),
        ("api.shop.example", SHOP),
        ("eu.api.shop.example", SHOP),
        ("a.b.api.shop.example", SHOP),
        ("cloud.example", None),
        ("models.cloud.example", None),
        ("models.eu.west.cloud.example", None),
        ("models.eu.cloud.example.evil.example", None),
        ("xmodels.eu.cloud.example", None),
        ("shop.example", None),
        ("notapi.shop.example", None),
        ("", None),
    ],
)
def test_a_host_is_found_by_name_domain_or_pattern(host: str, found: Provider | None):
    """A star in the middle stands for one label or a part of one, never for a dot."""
    assert TABLE.find(host) is found


def test_own_hosts_come_first_and_go_again():
    """A gateway may take a name that the table knows; without it the table is as it was."""
    table = Table((SHOP,))
    own = provider("own", "api.shop.example", "*.example")
    table.add((own,))
    assert table.find("api.shop.example") is own
    assert table.find("anything.example") is own
    assert table.find("eu.api.shop.example") is SHOP
    table.add(())
    assert table.find("api.shop.example") is SHOP
    assert table.find("anything.example") is None


def test_two_providers_cannot_claim_one_host():
    """A mistake in the table is found when it is built, not when money is lost by it."""
    with pytest.raises(AssertionError, match=r"two providers claim the host api\.shop\.example"):
        Table((SHOP, provider("thief", "api.shop.example")))
