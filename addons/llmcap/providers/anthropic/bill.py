"""
The bill that an Anthropic message makes: which of its passes are billed, at which model.

`iterations`, where it is there, is the whole bill: passes of compaction and of other models
(advisors, fallbacks) are not in the totals above it. Each entry is billed at its own model.

A refusal before any output tells counts that are not always billed: not between 2026-06-02 and
2026-09-24, and since then only in some categories. That goes for a model that declined and handed
over to a fallback, too.
https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback#how-refusals-are-billed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from llmcap.pricing.terms import FAST, REGION, SPEED, UNKNOWN, base_of
from llmcap.providers.parts.reader import count, document, documents, text
from llmcap.providers.parts.shape import Document
from llmcap.providers.parts.tiers import is_placeholder, tier
from llmcap.words.records import Charge, Count, Usage
from llmcap.words.usage import Period

# --- refusals -------------------------------------------------------------------------------

# platform.claude.com/docs/en/release-notes/overview, June 2 and September 24, 2026; the second is
# for all platforms, and the page says that the categories may change.
_FREE_SINCE = datetime(2026, 6, 2, tzinfo=UTC)
_BILLED_AGAIN = datetime(2026, 9, 24, tzinfo=UTC)
_BILLED = ("bio", "frontier_llm", "reasoning_extraction")
_FREE = ("cyber", "general_harms", None)


def unbilled(category: object) -> Period | None:
    """When a refusal before any output cost nothing; never, where nobody knows its category."""
    if category in _FREE:
        return Period(_FREE_SINCE)
    return Period(_FREE_SINCE, _BILLED_AGAIN) if category in _BILLED else None


@dataclass(slots=True)
class Refusals:
    """
    Who declined before it wrote anything, as far as a message has told.

    A `fallback` block stands where one model hands over to the next, and a refusal is how the last
    one ends: what stands before either is what that model wrote.
    """

    free: Period | None = None  # of the model that the message is from
    declined: tuple[Period | None, ...] = ()  # of those before it, in order
    _blocks: int = 0

    def block(self, block: Document) -> None:
        """A block of the content begins."""
        if text(block.get("type")) != "fallback":
            self.wrote()
            return
        category = document(block.get("trigger")).get("category")
        self.declined += (None if self._blocks else unbilled(category),)
        self._blocks = 0

    def wrote(self) -> None:
        """Something of the answer is there."""
        self._blocks += 1

    def stopped(self, told: Document) -> None:
        """Why the message ended: its own fields, or those of a delta."""
        if told.get("stop_reason") == "refusal" and not self._blocks:
            self.free = unbilled(document(told.get("stop_details")).get("category"))


NOBODY = Refusals()


# --- the bill -------------------------------------------------------------------------------


def message_charges(usage: Document, model: str, refusals: Refusals = NOBODY) -> tuple[Charge, ...]:
    """
    The bill that a usage object makes: one charge, or one per model where it has iterations.

    Fees of server tools and the terms of service are told once, at the top, for all of it.
    """
    terms = terms_in(usage)
    top = pass_usage(usage, tool_units(usage))
    passes = documents(usage.get("iterations"))
    if not passes:
        return (Charge(model, top, terms, unbilled=refusals.free),)
    summed: dict[tuple[str, Period | None], Usage] = {}
    for name, free, each in _billed_at(passes, model, refusals):
        known = summed.get((name, free))
        summed[name, free] = pass_usage(each) if known is None else _sum(known, pass_usage(each))
    main = summed.pop((model, refusals.free), Usage())
    if main.input_tokens < top.input_tokens or main.output_tokens < top.output_tokens:
        main = top  # the passes do not add up to what the totals admit: bill the totals
    reasoning = min(top.reasoning, main.output_tokens)
    main = replace(main, reasoning=reasoning, extras=top.extras)
    return (
        Charge(model, main, terms, unbilled=refusals.free),
        *(Charge(name, each, terms, unbilled=free) for (name, free), each in summed.items()),
    )


# Passes of helpers, beside those that made the message.
_HELPERS = ("compaction", "advisor_message")
_FALLBACK = "fallback_message"


def _billed_at(
    passes: Sequence[Document], model: str, refusals: Refusals
) -> list[tuple[str, Period | None, Document]]:
    """
    Each pass with the model at whose price it is billed, and when it cost nothing.

    The message names the model that served as the request did, and a pass of it may name the same
    by its full name: that is one model, not two.
    """
    makers = [each for each in passes if each.get("type") not in _HELPERS]
    names = [text(each.get("model")) or model for each in makers]
    fell_back = any(each.get("type") == _FALLBACK for each in makers) or bool(refusals.declined)
    served = model if model in names and not fell_back else (names or [model])[-1]
    attempts = [list(group) for _, group in groupby(zip(names, makers, strict=True), _name)]
    before = attempts[:-1] if fell_back else []
    told = refusals.declined if len(refusals.declined) == len(before) else ()
    found: dict[int, tuple[str, Period | None]] = {}
    for place, attempt in enumerate(before):
        written = sum(count(each.get("output_tokens")) for _, each in attempt)
        free = told[place] if told else None if written else unbilled(None)
        found |= {id(each): (name, free) for name, each in attempt}
    for each in passes:
        name = text(each.get("model")) or model
        helper = each.get("type") in _HELPERS
        own = (model, refusals.free) if name == served and not helper else (name, None)
        found.setdefault(id(each), own)
    return [(*found[id(each)], each) for each in passes]


def _name(attempt: tuple[str, Document]) -> str:
    return attempt[0]


def pass_usage(usage: Document, extras: Mapping[str, Count] = {}) -> Usage:
    """
    Usage of one pass.

    The split of cache writes by lifetime may hold less than their total; the rest has the short
    one.
    """
    read = count(usage.get("cache_read_input_tokens"))
    split = document(usage.get("cache_creation"))
    long_lived = count(split.get("ephemeral_1h_input_tokens"))
    short_lived = count(split.get("ephemeral_5m_input_tokens"))
    written = max(count(usage.get("cache_creation_input_tokens")), long_lived + short_lived)
    return Usage(
        input_tokens=count(usage.get("input_tokens")) + read + written,
        output_tokens=count(usage.get("output_tokens")),
        cache_read=read,
        cache_write_5m=written - long_lived,
        cache_write_1h=long_lived,
        reasoning=count(document(usage.get("output_tokens_details")).get("thinking_tokens")),
        extras=extras,
    )


def tool_units(usage: Document) -> dict[str, Count]:
    """Server tools that have a fee: of all of them, searches of the web."""
    used = document(usage.get("server_tool_use"))
    searches = count(used.get("web_search_requests"))
    return {"web_search": searches} if searches else {}


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        cache_read=first.cache_read + second.cache_read,
        cache_write_5m=first.cache_write_5m + second.cache_write_5m,
        cache_write_1h=first.cache_write_1h + second.cache_write_1h,
        reasoning=first.reasoning + second.reasoning,
    )


# --- terms ----------------------------------------------------------------------------------

# https://platform.claude.com/docs/en/build-with-claude/fast-mode
_SPEEDS = {"standard": base_of(SPEED), "fast": FAST}
# https://platform.claude.com/docs/en/manage-claude/data-residency; "not_available" is told of
# models that have only one place to run.
_REGIONS = {"global": base_of(REGION), "not_available": base_of(REGION), "us": f"{REGION}-us"}


def terms_in(told: Document) -> tuple[str, ...]:
    """
    The terms that a request asks for, or that the usage of an answer tells: both use these words.

    The tier `auto` uses what an account has paid for before, and costs what the standard one does.
    """
    return (
        *tier(told.get("service_tier")),
        *_term(told.get("speed"), SPEED, _SPEEDS),
        *_term(told.get("inference_geo"), REGION, _REGIONS),
    )


def _term(value: object, kind: str, words: Mapping[str, str]) -> tuple[str, ...]:
    if value is None or (isinstance(value, str) and is_placeholder(value)):
        return ()
    return (words.get(text(value).lower(), f"{kind}-{UNKNOWN}"),)
