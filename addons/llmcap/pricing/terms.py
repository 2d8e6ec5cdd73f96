"""
Terms of service: the same work at another price, and who says which of them holds.

A term is of a kind (the tier, the region, the speed, ...), and a call is served under exactly one
of each kind. What a request asks for is a wish: the answer tells what was served. Where nothing is
told, what was asked for is billed; where nothing was asked either, what an account may have by
default (`Variant.unasked`) is held, and billed unless the answer is one that would have told.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

CACHE = "cache"  # which cache of a prompt: a request marks one, or there is the usual one
TIER, REGION, SPEED, LATENCY, MODE = KINDS = ("tier", "geo", "speed", "latency", "mode")

# Tiers. Whatever no other rule places is one too: a value that nobody knows is some tier.
STANDARD = "standard"
BATCH = "batch"
FLEX = "flex"
PRIORITY = "priority"
ULTRAFAST = "ultrafast"
UNKNOWN = "unknown"

FAST = "fast"  # Anthropic's speed, which combines with tiers and regions
THINKING = "thinking"  # Alibaba's mode, which sets the price of all output
OPTIMIZED = "latency-optimized"  # Bedrock's performance configuration
EXPLICIT = "cache-explicit"  # Alibaba's cache that a request asks for, at a price of its own

# What any vendor asks at most for a term of a kind, where the one that is asked publishes nothing:
# OpenAI's priority (openai.com/api-priority-processing), the regions of OpenAI, Anthropic and xAI,
# Anthropic's fast mode, Bedrock's optimized latency. Modes and caches are priced where they exist.
DEAREST: Mapping[str, Decimal] = MappingProxyType(
    {
        TIER: Decimal("2.5"),
        REGION: Decimal("1.1"),
        SPEED: Decimal(6),
        LATENCY: Decimal("1.25"),
        MODE: Decimal(1),
        CACHE: Decimal("1.25"),
        "route": Decimal(1),
        "search_type": Decimal(1),
    }
)

# A mark of our own: the counts are sums over several passes of a server-side loop, none of which
# was long enough for a context tier. Only who read the response can know that.
SUMMED = "summed"

_UNTOLD = "-untold"
_PLACED = {FAST: SPEED, THINKING: MODE, SUMMED: SUMMED}
_PREFIXES = (*KINDS, CACHE, "route", "search_type")


def kind_of(term: str) -> str:
    """What a term is one of: a call is served under one of each kind."""
    prefix, dash, _ = term.partition("-")
    if dash and prefix in _PREFIXES:
        return prefix
    return _PLACED.get(term, TIER)


def base_of(kind: str) -> str:
    """The term that says of a kind: at the price that stands first."""
    return STANDARD if kind == TIER else f"{kind}-{STANDARD}"


def is_base(term: str) -> bool:
    """Whether the term says that of its kind."""
    return term == STANDARD or term.endswith(f"-{STANDARD}")


def untold_of(kind: str) -> str:
    """The term that says of a kind: nobody told which, so whatever the account may have."""
    return f"{kind}{_UNTOLD}"


def is_untold(term: str) -> bool:
    """Whether the term says that of its kind."""
    return term.endswith(_UNTOLD)


def by_kind(terms: Iterable[str]) -> dict[str, list[str]]:
    """The terms by their kind; `SUMMED` is none."""
    kinds: dict[str, list[str]] = {}
    for term in terms:
        if term != SUMMED:
            kinds.setdefault(kind_of(term), []).append(term)
    return kinds


def regional(terms: Iterable[str]) -> tuple[str, ...]:
    """Those that say where a call is served: a request's hold for its answers too."""
    return tuple(term for term in terms if kind_of(term) == REGION)


@lru_cache(maxsize=1024)
def billed(terms: tuple[str, ...], untold: tuple[str, ...]) -> tuple[str, ...]:
    """The terms of a charge, with those kinds of which nobody told what was served."""
    known = {kind_of(term) for term in terms}
    return (*terms, *(untold_of(kind) for kind in untold if kind not in known))


@lru_cache(maxsize=1024)
def left_untold(known: tuple[str, ...], told: frozenset[str]) -> tuple[str, ...]:
    """The kinds of which none of the known terms is, but for those that are told anyway."""
    kinds = told.union(map(kind_of, known))
    return tuple(kind for kind in KINDS if kind not in kinds)


def settled(asked: Iterable[str], told: Iterable[str]) -> tuple[str, ...]:
    """What a call is billed under: what was told, and of all other kinds what was asked for."""
    return _settled(tuple(asked), tuple(told))


@lru_cache(maxsize=1024)
def _settled(asked: tuple[str, ...], told: tuple[str, ...]) -> tuple[str, ...]:
    known = {kind_of(term) for term in told}
    return tuple(dict.fromkeys((*told, *(term for term in asked if kind_of(term) not in known))))
