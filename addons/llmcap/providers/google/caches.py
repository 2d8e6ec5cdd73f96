"""
Google's explicit caches: what is put into one is read once, and kept at a price by the hour.

The whole time that it may be kept is billed when it is made; one that is deleted sooner costs less
than that. How long is said as a `ttl`, or as an `expireTime`. One that is kept for longer is billed
for that time anew, as nobody tells how much of the former was left.
https://ai.google.dev/api/caching, https://ai.google.dev/gemini-api/docs/pricing
"""

from datetime import UTC, datetime
from decimal import Decimal

from llmcap.providers.google.generate import SOUNDING, model_in
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, amount, count, document, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

TTL_DEFAULT_SECONDS = 3_600
UNIT = "cache_storage"


def read_cache(request: Request) -> Ask:
    """What a request to make a cache asks for: it is read once, and kept for so long."""
    body = request.document()
    content = measure(request)
    until = kept_until(body)
    return Ask(
        model=model_in(text(body.get("model"))),
        text_bytes=content.text_bytes,
        media=content.media,
        generates=False,
        sound=any(media.kind in SOUNDING for media in content.media),
        kept_until=until,
        kept_seconds=Decimal(0) if until else kept_seconds(body),
        hidden_work=False,
    )


def read_longer(request: Request) -> Ask:
    """What a request to keep a cache for longer asks for: its tokens were told when it was made."""
    body = request.document()
    # `cachedContents/NAME`, at Vertex with the project before it: what the cache is called.
    _, _, name = request.path.lstrip("/").partition("/")
    until = kept_until(body)
    return Ask(
        model="",
        made=name,
        generates=False,
        remote_input=True,
        previous_id=name,
        kept_until=until,
        kept_seconds=Decimal(0) if until else kept_seconds(body),
        hidden_work=False,
    )


def kept_until(body: Document) -> datetime | None:
    """When a cache ends, where that is said. Raises `FormatError` for what is no moment."""
    said = body.get("expireTime") or body.get("expire_time")
    if not said:
        return None
    moment = _moment(said)
    if moment is None:
        raise FormatError(f"its expireTime must be like 2026-01-31T12:00:00Z, not {said!r}")
    return moment


def kept_seconds(body: Document) -> Decimal:
    """How long a cache may be kept. Raises `FormatError` for what is no time."""
    ttl = body.get("ttl")
    if ttl is None:
        return Decimal(TTL_DEFAULT_SECONDS)
    seconds = amount(text(ttl).removesuffix("s"))
    if seconds is None:
        raise FormatError(f"its ttl must be a number of seconds such as 300s, not {ttl!r}")
    return seconds


class CacheReader(BaseReader):
    """A cache as it was made: its tokens, and until when it is kept."""

    tells = "tokens, and seconds kept"

    def body(self, document: Document) -> None:
        """The cache object."""
        if document.get("error"):
            self.fail(document["error"])
        self.response_id = text(document.get("name")) or self.response_id
        tokens = count(_dict(document.get("usageMetadata")).get("totalTokenCount"))
        if tokens:
            seconds = _lasting(document) or self.ask.kept_seconds
            self.charge(Usage(input_tokens=tokens, extras={UNIT: tokens * seconds}))
            self.complete = True


class LongerReader(BaseReader):
    """A cache that is kept for longer: for how long, from the moment of that change."""

    tells = "tokens, and seconds kept"

    def body(self, document: Document) -> None:
        """The cache object."""
        if document.get("error"):
            self.fail(document["error"])
        tokens = count(_dict(document.get("usageMetadata")).get("totalTokenCount"))
        if tokens:
            seconds = _lasting(document, since="updateTime") or self.ask.kept_seconds
            self.charge(Usage(extras={UNIT: tokens * seconds}))
            self.complete = True


def _lasting(cache: Document, since: str = "createTime") -> Decimal | None:
    """The time between its making, or its change, and its end, where both are told."""
    made, ends = (_moment(cache.get(name)) for name in (since, "expireTime"))
    if made is None or ends is None or ends < made:
        return None
    lasting = ends - made
    return Decimal(lasting.days * 86_400 + lasting.seconds + (1 if lasting.microseconds else 0))


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


_dict = document
