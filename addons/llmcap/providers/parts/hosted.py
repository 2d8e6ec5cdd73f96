"""
Tools that a provider runs itself in the middle of a call: what they can add to its bill.

Each use may cost a fee, adds its result to what the model reads, and makes the model read all of it
once more. No provider publishes how much a result can hold, and few limit the number of uses unless
the request does; the two figures below are therefore assumptions, stated here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmcap.words.records import Count

# How often a tool is used at most where the request sets no limit. Anthropic's server-side loop
# stops after ten rounds (docs.claude.com, "Server tools"); the other providers say nothing.
USES_DEFAULT = 10

# The most tokens that one result adds. The largest in the public recordings that we know are web
# searches of 7,000 to 17,000 tokens.
RESULT_TOKENS = 20_000


@dataclass(frozen=True, slots=True)
class Hosted:
    """The most that the hosted tools of one call can add to it."""

    fees: Mapping[str, Count] = MappingProxyType({})
    loops: int = 1
    result_tokens: int = 0  # per loop, on average over all of them


NONE = Hosted()


def tools(uses: Mapping[str, int], *, unpriced_uses: int = 0, more_tokens: int = 0) -> Hosted:
    """
    Bounds for tools by the unit of their fee and how often each may be used.

    `more_tokens` are those that a request itself lets all results have above our figure.

    The results pile up: the first round reads none, the last one all, so on average half of them.
    """
    total = sum(uses.values()) + unpriced_uses
    if not total:
        return NONE
    most = total * RESULT_TOKENS + more_tokens
    return Hosted(fees=dict(uses), loops=total + 1, result_tokens=(most + 1) // 2)
