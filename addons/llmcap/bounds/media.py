"""
The most that one medium of a request can be billed for: in tokens, or in a unit of its own.

What a medium costs follows its model's family, wherever the model is sold; how long a recording and
how large a document may be follows who sells it. `looked` says whether there is time to read the
medium itself: without it, only what costs nothing to know is used.
"""

# ruff: noqa: ARG001 - the rules of each model come next, in files of their own
from dataclasses import replace

from llmcap.errors import FormatError
from llmcap.pricing.units import TOKEN_UNITS
from llmcap.providers.shape import Ask, Media
from llmcap.records import Bound, Bounded, Count, Price, Unbounded

# Tokens of one picture: the most any of the documented rules makes of it, whatever its size.
# OpenAI's dearest is gpt-4o-mini at high detail (2,833 + 5,667 for each of eight tiles);
# Anthropic's largest image is 4,784 and Gemini's 2,240 tokens, both below that.
IMAGE_TOKENS = {"openai": 48_169, "azure-openai": 48_169}
IMAGE_TOKENS_ELSEWHERE = 6_000

# What a medium counts as that was sent, that no vendor bounds, and that nobody has looked at yet:
# seconds of thirty years. No budget carries it, so somebody will look.
UNLOOKED = 10**9


def media_bound(media: Media, *, seller: str, model: str, looked: bool = False) -> Bound:
    """
    The most input tokens of one medium, or why nothing bounds it: then the model's window does.

    `seller` is the provider's name, `model` the name that was asked for.
    """
    if media.kind == "image":
        return Bounded(IMAGE_TOKENS.get(seller, IMAGE_TOKENS_ELSEWHERE), "the largest picture")
    return Unbounded(f"nothing bounds the {media.kind}")


def unit_bound(media: Media, *, seller: str, model: str, looked: bool = False) -> Bound:
    """The most of its own unit (`audio_second`, `page`, ...) that one medium can be billed for."""
    return Unbounded(f"nothing bounds the {media.kind}")


def by_tokens(ask: Ask) -> tuple[Media, ...]:
    """The media that are billed as tokens: those whose own unit is none of the call's fees."""
    return tuple(media for media in ask.media if media.unit not in ask.fees)


def in_units(ask: Ask, price: Price, *, looked: bool = False) -> Ask:
    """
    The same call with the media that are billed by a unit of their own among its fees.

    Those are the ones whose unit the model has a price for. May be asked again, with `looked`, of
    what it gave before. Raises `FormatError` where nothing bounds how much of a unit there is.
    """
    tokens = any(price.rates.get(unit) for unit in TOKEN_UNITS)
    counts: dict[str, Count] = {}
    for media in ask.media:
        if media.unit in price.rates and (media.beside or not tokens):
            most = units_of(media, seller=price.provider, model=ask.model, looked=looked)
            counts[media.unit] = counts.get(media.unit, 0) + most
    return replace(ask, fees={**ask.fees, **counts}) if counts else ask


def units_of(media: Media, *, seller: str, model: str, looked: bool = False) -> Count:
    """The most of its unit that a medium is billed for. Raises `FormatError` where that is open."""
    bound = unit_bound(media, seller=seller, model=model, looked=looked)
    if isinstance(bound, Unbounded):
        if media.bytes is not None and not looked:
            return UNLOOKED
        raise FormatError(bound.why)
    return max(bound.most, media.least)
