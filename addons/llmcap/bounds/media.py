"""
The most that one medium of a request can be billed for: in tokens, or in a unit of its own.

What a medium costs follows its model's family, wherever the model is sold; how long a recording and
how large a document may be follows who sells it. `looked` says whether there is time to read the
medium itself: without it, only what costs nothing to know is used.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from llmcap.bounds.families import family_of
from llmcap.bounds.limits import (
    LEAST_PIXELS,
    LONGEST_SECONDS,
    MOST_FILM_PIXELS,
    MOST_PAGES,
    MOST_PIXELS,
    Limit,
)
from llmcap.bounds.pages import Contents, contents_of
from llmcap.bounds.pictures import picture_bound, rule_of
from llmcap.bounds.sizes import size_of
from llmcap.bounds.sound import Length, length_at_once, length_of, whole_seconds
from llmcap.pricing.units import TOKEN_UNITS
from llmcap.providers.parts.shape import Ask, Media
from llmcap.words.counts import several
from llmcap.words.errors import FormatError
from llmcap.words.records import Bound, Bounded, Count, Price, Unbounded

# Tokens of a second of sound: Gemini's 32 is the most that any vendor documents; OpenAI's audio
# models make 10 to 20 of it. https://ai.google.dev/gemini-api/docs/tokens
SOUND_TOKENS_PER_SECOND = 32
# Tokens of a frame of film and of its time mark, at Google: 258 each, 280 at a high resolution.
# One a second is looked at, or as many as the request wants, 24 at most.
# https://ai.google.dev/gemini-api/docs/video-understanding
FRAME_TOKENS = 300
FRAMES_PER_SECOND_MAX = 24
# Where a recording of bare samples says how many of them make a second.
HEAD_BYTES = 4_096
# What goes around a medium: its marks.
MARK_TOKENS = 64

# The most channels of a recording that are billed each: https://developers.deepgram.com/docs
CHANNELS_MAX = 20

# What a medium counts as that was sent, that no vendor bounds, and that nobody has looked at yet:
# seconds of thirty years. No budget carries it, so somebody will look.
UNLOOKED = 10**9


# --- in tokens ------------------------------------------------------------------------------


def media_bound(media: Media, *, seller: str, model: str, looked: bool = False) -> Bound:
    """
    The most input tokens of one medium, or why nothing bounds it: then the model's window does.

    `seller` is the provider's name, `model` the name that was asked for.
    """
    if media.kind == "image":
        return picture_bound(media, model, looked=looked)
    if media.bytes is None:
        return _fetched_tokens(media, seller)
    if media.kind == "audio" and (length := _length_of(media, looked=looked)):
        return _played(length.seconds * SOUND_TOKENS_PER_SECOND, length.seconds)
    if not looked:
        return Unbounded(f"nobody has looked at the {media.kind} yet")
    if media.kind == "file" and (found := contents_of(media.sent.data())):
        return _document(found, model)
    google = family_of(model)[0] == "google"
    if media.kind == "video" and google and (length := length_of(media.sent.data())):
        per_second = _frames_of(media.detail) * FRAME_TOKENS + SOUND_TOKENS_PER_SECOND
        return _played(length.seconds * per_second, length.seconds)
    return Unbounded(f"the {media.kind} is of no format whose length or pages can be told")


def dearest_bound(
    media: Media, ask: Ask, prices: Iterable[Price], *, seller: str, looked: bool = False
) -> Bound:
    """The most tokens of one medium for any of the models that may read it, helpers included."""
    names = {price.model if family_of(price.model)[0] else ask.model for price in prices} or {
        ask.model
    }
    bounds = [media_bound(media, seller=seller, model=name, looked=looked) for name in names]
    most = bounds[0]
    for bound in bounds:
        if isinstance(bound, Unbounded):
            return bound
        if isinstance(most, Bounded) and bound.most > most.most:
            most = bound
    return most


def _fetched_tokens(media: Media, seller: str) -> Bound:
    longest = LONGEST_SECONDS.get(seller)
    if media.kind == "audio" and longest:
        return Bounded(longest.most * SOUND_TOKENS_PER_SECOND + MARK_TOKENS, longest.source)
    return Unbounded(f"{seller or 'the provider'} fetches the {media.kind} itself")


def _length_of(media: Media, *, looked: bool) -> Length | None:
    """How long a recording is: from all of it, or from what costs nothing to know."""
    if looked:
        return length_of(media.sent.data(), media.said)
    return length_at_once(media.sent.head(HEAD_BYTES), media.said, media.bytes or 0)


def _played(tokens: Decimal, seconds: Decimal) -> Bounded:
    return Bounded(whole_seconds(tokens) + MARK_TOKENS, f"its length, {seconds} s")


def _document(found: Contents, model: str) -> Bounded:
    """Its text, and a picture of each page."""
    pictures = (found.pages or 0) + found.pictures
    tokens = found.text_tokens + pictures * rule_of(model).most
    what = several(found.pages, "page") if found.pages else "its text"
    return Bounded(tokens + MARK_TOKENS * (pictures + 1), what)


def _frames_of(detail: str) -> Decimal:
    """Frames of a second that the request wants looked at; one where it says nothing."""
    told = detail.removeprefix("fps=") if detail.startswith("fps=") else ""
    if told.replace(".", "", 1).isdecimal():
        return min(max(Decimal(told), Decimal(1)), Decimal(FRAMES_PER_SECOND_MAX))
    return Decimal(FRAMES_PER_SECOND_MAX) if detail.startswith("fps=") else Decimal(1)


def by_tokens(ask: Ask) -> tuple[Media, ...]:
    """The media that are billed as tokens: those whose own unit is none of the call's fees."""
    return tuple(media for media in ask.media if media.also or media.unit not in ask.fees)


# --- in units of their own ------------------------------------------------------------------

# Units by which a model that embeds is billed for pictures: then it is for films and sounds too,
# by units of theirs.
_PIECES = frozenset(("input_pixel", "input_image_item", "input_video_second"))


def unit_bound(media: Media, *, seller: str, looked: bool = False) -> Bound:
    """The most of its own unit (`audio_second`, `page`, ...) that one medium can be billed for."""
    if media.most:
        return Bounded(media.most, "the request itself")
    if media.unit in ("page", "annotated_page", "parsed_page"):
        return _pages(media, seller, looked=looked)
    if media.unit == "input_pixel":
        return _pixels(media, seller, looked=looked)
    if media.unit == "input_image_item" and media.kind == "image":
        return Bounded(1, "one picture")
    if media.unit in ("audio_second", "diarized_second", "input_video_second"):
        return _seconds(media, seller, looked=looked)
    return Unbounded(f"nothing bounds the {media.unit} of the {media.kind}")


def _seconds(media: Media, seller: str, *, looked: bool) -> Bound:
    if media.bytes is not None:
        length = _length_of(media, looked=looked)
        if length is not None:
            times = 1
            if media.detail == "every channel":
                times = length.channels or CHANNELS_MAX
            return Bounded(whole_seconds(length.seconds * times), "its length")
    return _most(
        LONGEST_SECONDS.get(seller),
        f"nothing bounds how long the {media.kind} is that {seller or 'the provider'} "
        f"{'was sent' if media.bytes is not None else 'fetches itself'}: send a recording in a "
        "common format (WAV, MP3, FLAC, Ogg, MP4, WebM) with the request",
    )


def _pages(media: Media, seller: str, *, looked: bool) -> Bound:
    if media.kind == "image":
        return Bounded(1, "one picture")
    if media.bytes is not None and looked:
        found = contents_of(media.sent.data())
        if found is not None and found.pages:
            return Bounded(found.pages, "its pages")
    return _most(
        MOST_PAGES.get(seller),
        f"nothing bounds how many pages the document has that {seller or 'the provider'} reads: "
        "send a PDF that is not encrypted, or name the pages",
    )


def _pixels(media: Media, seller: str, *, looked: bool) -> Bound:
    if media.kind == "video":
        return _most(MOST_FILM_PIXELS.get(seller), "nothing bounds the pixels of the film")
    most = MOST_PIXELS.get(seller)
    if media.bytes is not None and looked:
        size = size_of(media.sent.data(), media.bytes)
        if size is not None:
            pixels = max(size.width * size.height * size.frames, LEAST_PIXELS)
            return Bounded(min(pixels, most.most) if most else pixels, "its size")
    return _most(most, "nothing bounds the pixels of the picture")


def _most(limit: Limit | None, why: str) -> Bound:
    return Bounded(limit.most, limit.source) if limit else Unbounded(why)


def in_units(ask: Ask, price: Price, *, looked: bool = False) -> Ask:
    """
    The same call with the media that are billed by a unit of their own among its fees.

    Those are the ones whose unit the model has a price for. May be asked again, with `looked`, of
    what it gave before. Raises `FormatError` where nothing bounds how much of a unit there is.
    """
    tokens = any(price.rates.get(unit) for unit in TOKEN_UNITS)
    counts: dict[str, Count] = {}
    by_pieces = bool(_PIECES & price.rates.keys())
    for media in ask.media:
        if media.beside and by_pieces and media.unit not in price.rates:
            raise FormatError(f"{price.model} has a price for pictures, and none for {media.kind}")
        if media.unit in price.rates and (media.beside or not tokens):
            most = units_of(media, seller=price.provider, looked=looked)
            counts[media.unit] = counts.get(media.unit, 0) + most
    return replace(ask, fees={**ask.fees, **counts}) if counts else ask


def units_of(media: Media, *, seller: str, looked: bool = False) -> Count:
    """The most of its unit that a medium is billed for. Raises `FormatError` where that is open."""
    bound = unit_bound(media, seller=seller, looked=looked)
    if isinstance(bound, Unbounded):
        if media.bytes is not None and not looked:
            return UNLOOKED
        raise FormatError(bound.why)
    return max(bound.most, media.least)
