"""Promise: what an account has by default is held at the dearest, until the config says."""

from datetime import UTC, datetime

import pytest

from llmcap.config import book_of, resolve, yamldoc
from llmcap.pricing import PriceBook, worst_rates
from llmcap.pricing.rates import rates_for
from llmcap.words.errors import ConfigError

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def held(text, provider, model, terms=()):
    """Dollars for one input token and one output token, as a config has them held."""
    price = book_of(resolve(yamldoc.parse(text, file="c.yaml"))).find(provider, model, NOW)
    assert price is not None
    return worst_rates(price, terms, 1)


def base(provider, model):
    """The same at the price that stands first."""
    price = PriceBook().find(provider, model, NOW)
    assert price is not None
    rates = rates_for(price, (), 1)
    dearest = max(rates.get(unit, 0) for unit in ("input", "cache_write", "cache_write_1h"))
    return dearest / 1_000_000, rates["output"] / 1_000_000


@pytest.mark.parametrize(
    ("provider", "model", "line"),
    [
        ("openai", "gpt-5.6-terra", "default_tier: standard"),
        ("openai", "gpt-4o", "default_tier: default"),
        ("azure-openai", "gpt-5", "default_tier: standard"),
        ("anthropic", "claude-opus-4-8", "default_region: global"),
    ],
)
def test_a_line_takes_back_what_an_account_may_have(provider, model, line):
    """Without it the dearest is held."""
    text = f"account: {{{provider}: {{{line}}}}}"
    assert held(text, provider, model) == base(provider, model)
    assert held("", provider, model) > base(provider, model)


def test_what_a_request_asks_for_is_held_whatever_the_account_has():
    """The line is for calls that ask for nothing."""
    text = "account: {openai: {default_tier: standard}}"
    asked = held(text, "openai", "gpt-5.6-terra", ("priority",))
    assert asked == held("", "openai", "gpt-5.6-terra", ("priority",))
    assert asked > base("openai", "gpt-5.6-terra")


@pytest.mark.parametrize("tier", ["priority", "flex"])
def test_an_account_with_a_default_is_held_at_it(tier):
    """And at no less than the usual price, as it may be served without."""
    text = f"account: {{openai: {{default_tier: {tier}}}}}"
    dearest = held("", "openai", "gpt-5.6-terra")
    expected = dearest if tier == "priority" else base("openai", "gpt-5.6-terra")
    assert held(text, "openai", "gpt-5.6-terra") == expected


def test_a_host_of_ones_own_has_the_account_of_its_list():
    """Where its prices are that provider's."""
    text = (
        "providers: [{host: g.example.com, like: openai, prices: openai}]\n"
        "account: {openai: {default_tier: standard}}"
    )
    assert held(text, "openai", "gpt-5.6-terra") == base("openai", "gpt-5.6-terra")


def test_a_price_of_a_host_of_ones_own_has_the_limits_of_the_model_that_it_is_like():
    """So that such a call has a bound."""
    text = (
        "providers: [{host: g.example.com, like: openai, name: ours, prices: {gpt-4o: {input: 1, "
        "output: 2}}}]"
    )
    book = book_of(resolve(yamldoc.parse(text, file="c.yaml")))
    assert book.find("ours", "gpt-4o", NOW).max_output == 16_384


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("account: {openia: {default_tier: standard}}", "there is no provider 'openia'"),
        ("account: {openai: {default_tier: gold}}", "is no tier"),
        ("account: {openai: {tier: standard}}", "an account has no such key"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, said):
    """And nothing of such a config is used."""
    with pytest.raises(ConfigError, match=said):
        resolve(yamldoc.parse(text, file="c.yaml"))
