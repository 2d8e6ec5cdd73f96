"""What holds of the records of usage and price beside their data."""

from decimal import Decimal

from llmcap.words.usage import Price, Tier


def test_a_price_is_a_key_by_whose_it_is() -> None:
    """What is computed of a price is kept by it, so its tables must not have to be hashed."""
    one = Price("openai", "gpt-4o", {"input": Decimal(2)}, tiers=(Tier(1, {"input": Decimal(3)}),))
    same = Price("openai", "gpt-4o", {"input": Decimal(2)}, tiers=(Tier(1, {"input": Decimal(3)}),))
    other = Price("openai", "gpt-4o", {"input": Decimal(4)})
    kept = {one: "kept"}
    assert kept[same] == "kept"
    assert other not in kept, "the same hash is not the same price"
