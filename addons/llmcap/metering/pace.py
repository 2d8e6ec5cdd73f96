"""
How fast models write, which bounds what one can have written unseen when nobody listens any more.

A client that hangs up in the middle of hidden reasoning leaves no count behind, and a proxy that is
killed leaves none at all. The whole hold, all that the model could ever have written, is a hundred
times too much after ten seconds; what it can have written in ten seconds is not. A model's own
answers tell how fast it is, and until some have, it is taken for faster than any.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

# Tokens a second. The fastest that is sold writes some 3,000 (gpt-oss-120b at Cerebras,
# inference-docs.cerebras.ai/models/overview, October 2026).
FASTEST = 4_000

# How many answers must have told before a model is believed to be slower, and how long each of them
# must have been: what comes at once was made before.
ANSWERS_MIN = 3
SECONDS_MIN = timedelta(milliseconds=250)
TOKENS_MIN = 64

# A model may be this many times faster than it ever was here.
HEADROOM = 2

# An answer that is not streamed shows its pace from its question on, and looks slower than it was
# written by the wait for its first token. HEADROOM covers that, as long as no more than two thirds
# of the time of the fastest was waiting, up to so many times the longest that was seen.
BEYOND_LONGEST = 2

_MODELS_MAX = 1_000
_SECOND = timedelta(seconds=1)
_NEVER = timedelta(0)

Model = tuple[str, str]  # a provider and a model


@dataclass(frozen=True, slots=True)
class Pace:
    """What the answers of one model showed. Paces are tokens a second."""

    streams: int = 0
    highest: int = 0  # of the streams, from the first byte on
    wholes: int = 0
    highest_whole: int = 0  # of answers that were not streamed, from the question on
    longest: timedelta = _NEVER  # the time of the longest of these

    def with_stream(self, pace: int) -> "Pace":
        """After one more stream."""
        return replace(self, streams=self.streams + 1, highest=max(self.highest, pace))

    def with_whole(self, pace: int, elapsed: timedelta) -> "Pace":
        """After one more answer that was not streamed."""
        return replace(
            self,
            wholes=self.wholes + 1,
            highest_whole=max(self.highest_whole, pace),
            longest=max(self.longest, elapsed),
        )

    def most(self, elapsed: timedelta) -> int | None:
        """The most tokens that the model writes in that time, or None where too few have told."""
        if self.streams >= ANSWERS_MIN:
            return _tokens(min(self.highest * HEADROOM, FASTEST), elapsed)
        if self.wholes < ANSWERS_MIN:
            return None
        known = min(elapsed, self.longest * BEYOND_LONGEST)
        pace = min(self.highest_whole * HEADROOM, FASTEST)
        return _tokens(pace, known) + _tokens(FASTEST, elapsed - known)


UNKNOWN = Pace()


class Paces:
    """What is known of each model that was seen lately."""

    def __init__(self, known: Mapping[Model, Pace] | None = None) -> None:
        self._seen: OrderedDict[Model, Pace] = OrderedDict(known or {})
        self._fresh: set[Model] = set()

    def observe(
        self, provider: str, model: str, *, tokens: int, elapsed: timedelta, streamed: bool = True
    ) -> None:
        """
        An answer of so many tokens, hidden ones included, took so long.

        A stream is timed from its first byte on, any other from its question on.
        """
        if tokens < TOKENS_MIN or elapsed < SECONDS_MIN:
            return
        key = (provider, model)
        known = self._seen.get(key, UNKNOWN)
        pace = tokens * _SECOND // elapsed
        now = known.with_stream(pace) if streamed else known.with_whole(pace, elapsed)
        self._seen[key] = now
        self._seen.move_to_end(key)
        if _is_news(known, now):
            self._fresh.add(key)
        if len(self._seen) > _MODELS_MAX:
            oldest, _ = self._seen.popitem(last=False)
            self._fresh.discard(oldest)

    def most(self, provider: str, model: str, elapsed: timedelta) -> int:
        """The most tokens that the model writes in that time."""
        found = self._seen.get((provider, model), UNKNOWN).most(elapsed)
        return _tokens(FASTEST, elapsed) if found is None else found

    def take_fresh(self) -> dict[Model, Pace]:
        """What was learned since this was asked last, and should be known to the next proxy."""
        fresh, self._fresh = self._fresh, set()
        return {key: self._seen[key] for key in fresh}

    def not_kept(self, fresh: Mapping[Model, Pace]) -> None:
        """It could not be written: it is fresh again."""
        self._fresh |= fresh.keys() & self._seen.keys()


def _is_news(known: Pace, now: Pace) -> bool:
    """Whether it changes a bound: after the first answers most change nothing."""
    grown = min(known.streams, ANSWERS_MIN) < min(now.streams, ANSWERS_MIN)
    grown |= min(known.wholes, ANSWERS_MIN) < min(now.wholes, ANSWERS_MIN)
    faster = known.highest < now.highest or known.highest_whole < now.highest_whole
    return grown or faster or known.longest < now.longest


def _tokens(pace: int, elapsed: timedelta) -> int:
    """So many, rounded up; none where a clock was set back."""
    return -(-pace * max(elapsed, _NEVER) // _SECOND)
