"""What holds of the records of usage and price beside their data."""

from decimal import Decimal

from llmcap.words.usage import Price, Tier, Usage


def test_a_price_is_a_key_by_whose_it_is() -> None:
    """What is computed of a price is kept by it, so its tables must not have to be hashed."""
    one = Price("openai", "gpt-4o", {"input": Decimal(2)}, tiers=(Tier(1, {"input": Decimal(3)}),))
    same = Price("openai", "gpt-4o", {"input": Decimal(2)}, tiers=(Tier(1, {"input": Decimal(3)}),))
    other = Price("openai", "gpt-4o", {"input": Decimal(4)})
    kept = {one: "kept"}
    assert kept[same] == "kept"
    assert other not in kept, "the same hash is not the same price"


def test_nothing_is_a_usage_without_any_count() -> None:
    """A fee alone is something; a fee of none is not."""
    assert Usage().is_nothing
    assert Usage(extras={"page": 0}).is_nothing
    assert not Usage(extras={"page": Decimal("0.5")}).is_nothing
    assert not Usage(output_tokens=1).is_nothing
