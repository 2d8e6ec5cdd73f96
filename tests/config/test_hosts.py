"""Promise: a host of the user's own is metered, priced and refused like the provider it is like."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.config import resolve, yamldoc
from llmcap.pricing import PriceBook
from llmcap.providers import hosts, match, with_hosts
from llmcap.providers.parts.shape import Billing
from llmcap.words.errors import ConfigError
from llmcap.words.records import Policy

NOW = datetime(2026, 11, 20, tzinfo=UTC)
CONFIG = """
providers:
- host: LLM.example.com
  like: openai
  prices:
    our-model: {input: 1.50, output: 6, max_output: 8192}
- host: "*.claude.example.com"
  like: anthropic
  name: ours
  prices: anthropic
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """The table is the process's: leave it as it was."""
    yield
    with_hosts(())


def policy_of(text: str) -> Policy:
    """The policy of a config."""
    return resolve(yamldoc.parse(text, file="c.yaml"))


def test_a_host_of_ones_own_has_the_api_it_is_like() -> None:
    """Its paths are metered, under its own name, and the proxy may speak for it."""
    with_hosts(policy_of(CONFIG).hosts)
    found = match("llm.example.com", "POST", "/v1/chat/completions")
    assert found is not None
    assert found[0].name == "llm.example.com"
    assert found[1] is not None
    assert found[1].billing is Billing.METERED
    below = match("eu.claude.example.com", "POST", "/v1/messages")
    assert below is not None
    assert (below[0].name, below[0].dialect) == ("ours", "anthropic")
    assert {"llm.example.com", "*.claude.example.com"} <= set(hosts())
    assert match("example.com", "POST", "/v1/messages") is None


def test_its_prices_are_the_configs_or_another_providers() -> None:
    """A model without a price is unknown, as everywhere."""
    policy = policy_of(CONFIG)
    with_hosts(policy.hosts)
    book = PriceBook(overrides=policy.prices)
    own, ours = (
        match(host, "POST", "/v1/x") for host in ("llm.example.com", "a.claude.example.com")
    )
    assert own is not None
    assert ours is not None
    price = book.find(own[0].price_key, "our-model", NOW)
    assert price is not None
    assert price.rates["output"] == Decimal(6)
    assert book.find(own[0].price_key, "another", NOW) is None
    assert book.find(ours[0].price_key, "claude-haiku-4-5", NOW) is not None


def test_a_region_of_openais_costs_nothing_more_here() -> None:
    """What is said of hosts of OpenAI's own does not hold for one that is only like it."""
    with_hosts(policy_of(CONFIG).hosts)
    found = match("llm.example.com", "POST", "/v1/chat/completions")
    assert found is not None
    assert found[1] is not None
    assert found[1].read is not None
    from llmcap.providers.parts.shape import Request  # noqa: PLC0415

    request = Request(
        method="POST", host="llm.example.com", path="/v1/chat/completions", body=b'{"model": "m"}'
    )
    assert found[1].read(request).terms == ()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- {host: llm.example.com, like: opnai}", "there is no provider 'opnai'"),
        ("- {host: https://llm.example.com/v1, like: openai}", "is not a host"),
        ("- {host: a.example.com, like: openai, prices: nobody}", "no provider 'nobody'"),
        ("- {host: a.example.com, like: openai, prices: {m: {inptu: 1}}}", "inptu"),
        ("- {like: openai}", "no host"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, error: str) -> None:
    """File, line and key."""
    with pytest.raises(ConfigError, match=error) as caught:
        policy_of(f"providers:\n{text}\n")
    assert str(caught.value).startswith("c.yaml:2: providers.0")
