"""
What a request reads, part by part: its text, its media, what its vendor adds and what it has there.

A model never reads more than its window for each of the prompts, and what nothing bounds is taken
for all of it: what only the provider has and nobody here has seen, a field that nobody has read, a
medium that the provider fetches.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from llmcap.bounds.added import added
from llmcap.bounds.media import by_tokens, dearest_bound
from llmcap.bounds.parts import OWN_WINDOW, most_read, own_window
from llmcap.providers.parts.shape import Ask
from llmcap.words.records import Part, Price, Unbounded

# Who bounds what, in the parts of a demand.
BY_BYTES = "the bytes of the request"
BY_COUNT = "its tokens, counted"
BY_TOOLS = "the most that hosted tools are taken to find"
BY_KNOWN = "what was read and written before, as it was billed"


class Read(NamedTuple):
    """Tokens that a request reads at most: of what, and who says so; or why nobody does."""

    what: str
    tokens: int
    by: str
    unbounded: str = ""

    def costing(self, nanos: Decimal) -> Part:
        """The same as a part of a demand."""
        return Part(self.what, self.tokens, nanos, self.by, self.unbounded)


def input_parts(
    ask: Ask,
    prices: Sequence[Price],
    *,
    seller: str,
    text_tokens: int | None = None,
    prompt_tokens: int | None = None,
    known_input: int | None = None,
    looked: bool = False,
) -> list[Read]:
    """
    All that one pass over the request reads, or the one window that it cannot be more than.

    `text_tokens` is the refined count of the text where there is one, else its bytes are taken;
    `prompt_tokens` is all of a plain prompt, with what the vendor adds to it.
    `known_input` is what is known of context that only the provider has. `looked` says that media
    may be read for how much they hold. `prices` are those of the models that may serve the call: a
    model never reads more than its window, for each of the prompts.
    """
    if prompt_tokens is not None:
        parts = [Read("prompt", prompt_tokens, BY_COUNT)]
    elif text_tokens is None:
        parts = [Read("text", ask.text_bytes, BY_BYTES)]
    else:
        parts = [Read("text", text_tokens, BY_COUNT)]
    if ask.generates and prompt_tokens is None:
        row = added(seller, ask.model)
        most = row.tools if ask.tools else row.plain
        parts.append(Read("prompt of the vendor", most, row.source))
    if ask.extra_input:
        parts.append(Read("results of tools", ask.extra_input, BY_TOOLS))
    if known_input:
        parts.append(Read("earlier context", known_input, BY_KNOWN))
    why = _unseen(ask, known_input)
    for media in by_tokens(ask) if ask.media else ():
        bound = dearest_bound(media, ask, prices, seller=seller, looked=looked)
        if isinstance(bound, Unbounded):
            why = why or bound.why
        else:
            parts.append(Read(media.kind, int(bound.most), bound.by))
    tokens = sum([each.tokens for each in parts])
    # A wrong window must not make the bound smaller than the text itself certainly is.
    certain = min(tokens, ask.text_bytes // 16)
    if why:
        most, by = most_read(prices, why, ask.terms)
        return [Read("input", max(most * ask.prompts, certain), by, why)]
    windows = [own for price in prices if (own := own_window(price, ask.terms))]
    if len(windows) == len(prices) and tokens > (window := max(windows) * ask.prompts):
        return [Read("input", max(window, certain), OWN_WINDOW)]
    return parts


def _unseen(ask: Ask, known_input: int | None) -> str:
    """Why nothing bounds what the provider reads on its own side; "" where all of it is known."""
    if ask.unread:
        name = ask.unread[0]
        return f"nobody knows what the field {name!r} costs (else: `allow_fields: [{name}]`)"
    if ask.remote:
        return f"nobody has seen {ask.remote[0]}"
    if ask.remote_input and known_input is None:
        return "nobody has seen the conversation that it continues"
    return ""
