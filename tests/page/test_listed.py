"""List prices of calls, from what their entries say of them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.config import book_of, resolve, yamldoc
from llmcap.ledger.changes import Rollup
from llmcap.ledger.history import PastCall
from llmcap.page.listed import BILLED, BOOK, NONE, Listed, Prices, usage_of
from llmcap.pricing import PriceBook
from llmcap.pricing.cost import cost_usd
from llmcap.words.money import ceil_nanos
from llmcap.words.usage import Usage

PUBLIC = PriceBook()
AT = datetime(2026, 11, 3, 12, tzinfo=UTC)
SONNET, GPT, PRO = (
    ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5"), ("google", "gemini-2.5-pro"),
)  # fmt: skip
# With a fee, past a context tier, with kinds of tokens that a row of FOCUS does not tell apart.
USAGES = {
    "plain": Usage(9_000, 700),
    "a search": Usage(9_000, 700, extras={"web_search": 3}),
    "much": Usage(300_000, 700, cache_read=90_000),
    "written": Usage(9_000, 700, cache_write_1h=8_000, reasoning=300),
}


def book(text: str) -> PriceBook:
    """The prices of a config."""
    return book_of(resolve(yamldoc.parse(f"prices: {text}", file="llmcap.yaml")))


def past(
    sold: tuple[str, str], usage: Usage, cost_nanos: int, *, state: str = "settled"
) -> PastCall:
    """A call as the ledger has it."""
    counts = {name: getattr(usage, name) for name in Usage.__dataclass_fields__ if name != "extras"}
    counts = {name: count for name, count in counts.items() if count} | dict(usage.extras)
    return PastCall(1, "c1", AT, state, sold[0], "chat", sold[1], None, {}, 0, cost_nanos, counts,
                    None, "", ())  # fmt: skip


def nanos(sold: tuple[str, str], usage: Usage, terms: tuple[str, ...] = ()) -> int:
    """What the public book asks."""
    return ceil_nanos(cost_usd(usage, PUBLIC.find(*sold, AT), terms))


@pytest.mark.parametrize("usage", USAGES.values(), ids=USAGES)
@pytest.mark.parametrize("terms", [(), ("batch",), ("priority",)], ids=["", "batch", "priority"])
@pytest.mark.parametrize("sold", [SONNET, GPT, PRO], ids=["sonnet", "gpt-5", "gemini"])
def test_what_was_billed_at_list_price_is_found_whatever_is_agreed_now(sold, terms, usage):
    """By its whole usage, and the terms that it was served under."""
    cost = nanos(sold, usage, terms)
    call = past(sold, usage, cost)
    name = "/".join(sold)
    agreed = book(f"{{{name}: {{input: 0.9, cache_read: 0.1, output: 3, web_search: 4}}}}")
    for ours in (PUBLIC, agreed):
        assert Prices(ours, PUBLIC).of_call(call) == (cost, BILLED)


@pytest.mark.parametrize("usage", USAGES.values(), ids=USAGES)
def test_what_was_billed_at_an_agreed_price_is_listed_at_the_public_one(usage):
    """Fees, tiers and every kind of token: nothing is scaled."""
    agreed = book("{openai/gpt-5: {input: 0.9, cache_read: 0.1, output: 3, web_search: 4}}")
    cost = ceil_nanos(cost_usd(usage, agreed.find(*GPT, AT)))
    assert Prices(agreed, PUBLIC).of_call(past(GPT, usage, cost)) == (nanos(GPT, usage), BOOK)


def test_a_price_that_was_agreed_once_is_no_more_needed():
    """Less than the list asks was agreed; more has more in it than the usage tells."""
    usage = USAGES["a search"]
    listed = nanos(GPT, usage)
    for ours in (PUBLIC, book("{openai/gpt-5: {input: 0.9, output: 3}}")):
        prices = Prices(ours, PUBLIC)
        assert prices.of_call(past(GPT, usage, listed - 7)) == (listed, BOOK)
        assert prices.of_call(past(GPT, usage, listed + 7)) == (listed + 7, BILLED)


def test_a_bound_is_scaled_as_its_prices_are_to_each_other():
    """It is no price of a usage: also where nothing is known of that."""
    rates = PUBLIC.find(*GPT, AT).rates
    half = book(f"{{openai/gpt-5: {{input: {rates['input'] / 2}, output: {rates['output'] / 2}}}}}")
    for usage in (Usage(), Usage(500, 0)):
        call = past(GPT, usage, 1_000, state="assumed")
        assert Prices(half, PUBLIC).of_call(call) == (2_000, BOOK)
        assert Prices(PUBLIC, PUBLIC).of_call(call) == (1_000, BILLED)


def test_what_no_list_has_is_at_its_own_price_and_what_is_free_by_agreement_is_not():
    """A model of the config's own, and one whose calls are given away."""
    free = Prices(book("{openai/gpt-5: {input: 0, output: 0}, openai/own: {input: 1}}"), PUBLIC)
    usage = USAGES["plain"]
    assert free.of_call(past(GPT, usage, 0)) == (nanos(GPT, usage), BOOK)
    assert free.of_call(past(("openai", "own"), usage, 7)) == (7, NONE)
    tokens = Rollup(calls=1, input_tokens=10**6)
    rate = PUBLIC.find(*GPT, AT).rates["input"]
    assert free.of_rest(*GPT, AT, tokens) == (rate * 10**9, BOOK)


def test_what_was_released_has_cost_nothing_anywhere():
    """A call that never came to its provider."""
    assert Prices(PUBLIC, PUBLIC).of_call(past(GPT, Usage(), 0, state="released")) == (0, BILLED)


def test_a_row_is_the_book_s_as_soon_as_one_of_its_calls_is():
    """And at list price where there is none."""
    row = Listed()
    assert row.basis == BILLED
    for listed, basis in (((1, BILLED), BILLED), ((2, NONE), NONE), ((4, BOOK), BOOK)):
        row.add(listed)
        assert row.basis == basis
    assert row.nanos == 7


def test_a_usage_is_read_as_it_was_written():
    """Counts of tokens, and of what is none."""
    usage = Usage(5, 6, cache_read=2, extras={"audio_second": Decimal("1.5")})
    assert usage_of(past(GPT, usage, 0).usage) == usage
