"""
Tools that a provider runs itself in the middle of a call: what they can add to its bill.

Each use may cost a fee, adds its result to what the model reads, and makes the model read all of it
once more. How much a search finds and a program prints is as much as their vendor shows a model, of
which recordings tell; what a page or a file holds, or somebody else's server answers, has no end,
and fills the window of the model. Few vendors limit the number of uses unless the request does:
what they say of that stands in `USES`. The two figures below are assumptions, stated here and
nowhere else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from llmcap.words.records import Count

# How often tools are used at most where neither the request nor its vendor sets a limit: as often
# as those vendors allow that say it, but for OpenRouter.
USES_DEFAULT = 10

# The most tokens that one result adds. The largest in the public recordings that we know are web
# searches of 7,000 to 17,000 tokens.
RESULT_TOKENS = 20_000


class Uses(NamedTuple):
    """
    How often a vendor runs its own tools in one call, and the field of a request that lowers it.

    Where it has no such field, "", nothing can be lowered, and all of them are held.
    """

    most: int
    field: str
    source: str


# By vendor, or by vendor and model. One that says no number is taken for `USES_DEFAULT`.
USES: Mapping[str, Uses] = MappingProxyType({
    # "The server-side loop has a default limit of 10 iterations."
    "anthropic": Uses(10, "tools.max_uses", "https://docs.claude.com, Server tools"),
    "openai": Uses(
        USES_DEFAULT, "max_tool_calls",
        "https://platform.openai.com/docs/api-reference/responses/create",
    ),
    # Models made for research work with "hundreds of sources"; more than fifty calls were shown in
    # one answer, twice as many are held.
    "openai/deep-research": Uses(
        100, "max_tool_calls", "https://github.com/openai/openai-java/issues/600"
    ),
    # The smaller of this and a cap of the server's, of which it says no number.
    "xai": Uses(
        USES_DEFAULT, "max_turns",
        "https://github.com/xai-org/xai-proto, proto/xai/api/v1/chat.proto",
    ),
    # "Defaults to 30, which is also the maximum", of responses alone.
    "openrouter": Uses(
        30, "max_tool_calls", "https://github.com/OpenRouterTeam/python-sdk/pull/490"
    ),
    "groq": Uses(10, "", "https://console.groq.com/docs/compound/systems"),
    "groq/compound-mini": Uses(1, "", "https://console.groq.com/docs/compound/systems"),
    # Nothing in its requests bounds them, which a user has asked for in vain.
    "google": Uses(USES_DEFAULT, "", "https://discuss.ai.google.dev/t/197393"),
    "mistral": Uses(USES_DEFAULT, "", "https://docs.mistral.ai/api/#tag/beta.conversations"),
})  # fmt: skip

# How the types of those begin whose results are somebody else's, in the spelling of each vendor.
ENDLESS = (
    "a2a", "azure_", "browser_automation", "collections_search", "document_library", "fabric_",
    "file_search", "filesearch", "mcp", "memory_search", "openapi", "retrieval", "sharepoint_",
    "url_context", "urlcontext", "web_extractor",
)  # fmt: skip


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


def results_of(kinds: Iterable[str]) -> tuple[str, ...]:
    """What a call reads of tools of these types that nothing bounds but its model's window."""
    found = dict.fromkeys(kind for kind in kinds if kind.startswith(ENDLESS))
    return tuple(f"what its tool {kind!r:.60} gives back" for kind in found)
