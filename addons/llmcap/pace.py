"""
How fast models write, which bounds what one can have written unseen when nobody listens any more.

A client that hangs up in the middle of hidden reasoning leaves no count behind. The whole hold, all
that the model could ever have written, is a hundred times too much after ten seconds; what it can
have written in ten seconds is not. A model's own streams tell how fast it is, and until some have,
it is taken for faster than any.
"""

from collections import OrderedDict
from datetime import timedelta

# Tokens a second. The fastest that is sold writes some 3,000 (gpt-oss-120b at Cerebras,
# inference-docs.cerebras.ai/models/overview, October 2026).
FASTEST = 4_000

# How many streams must have told before a model is believed to be slower, and how long each of them
# must have been: what comes at once was made before.
STREAMS_MIN = 3
STREAM_SECONDS_MIN = timedelta(seconds=1)
STREAM_TOKENS_MIN = 64

# A model may be this many times faster than it ever was here.
HEADROOM = 2

_MODELS_MAX = 1_000


class Paces:
    """The highest pace of each model so far, in tokens a second."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def observe(self, provider: str, model: str, *, tokens: int, elapsed: timedelta) -> None:
        """A stream of so many tokens, hidden ones included, took so long from its first byte on."""
        if tokens < STREAM_TOKENS_MIN or elapsed < STREAM_SECONDS_MIN:
            return
        streams, highest = self._seen.get((provider, model), (0, 0))
        pace = tokens * timedelta(seconds=1) // elapsed
        self._seen[provider, model] = streams + 1, max(highest, pace)
        self._seen.move_to_end((provider, model))
        if len(self._seen) > _MODELS_MAX:
            self._seen.popitem(last=False)

    def bound(self, provider: str, model: str) -> int:
        """The most tokens that the model writes in a second."""
        streams, highest = self._seen.get((provider, model), (0, 0))
        if streams < STREAMS_MIN:
            return FASTEST
        return min(highest * HEADROOM, FASTEST)
