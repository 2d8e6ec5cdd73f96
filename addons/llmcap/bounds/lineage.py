"""
What is known of context that only the provider has: how long the response is that a call continues.

A call with `previous_response_id` sends one line and is billed for the whole conversation. Its size
is what the previous response read and wrote, which we metered. The memory is bounded: the oldest
are forgotten, and then the model's context window is the bound.
"""

from collections import OrderedDict

REMEMBERED_MAX = 20_000


class Lineage:
    """Tokens of context by provider and response id."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[tuple[str, str], int] = OrderedDict()

    def remember(self, provider: str, response_id: str | None, tokens: int) -> None:
        """
        Note that continuing this response means reading at most so many tokens first.

        Where an id is told again, as by a gateway that makes up its own, nobody knows which of them
        is continued: the most of them counts.
        """
        if not response_id:
            return
        key = (provider, response_id)
        self._tokens[key] = max(tokens, self._tokens.get(key, 0))
        self._tokens.move_to_end(key)
        if len(self._tokens) > REMEMBERED_MAX:
            self._tokens.popitem(last=False)

    def tokens(self, provider: str, response_id: str | None) -> int | None:
        """That number, or None where the response was not seen here."""
        return self._tokens.get((provider, response_id)) if response_id else None
