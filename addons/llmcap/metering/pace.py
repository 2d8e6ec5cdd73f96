"""
How fast models write, which bounds what one can have written unseen when nobody listens any more.

A client that hangs up in the middle of hidden reasoning leaves no count behind, and a proxy that is
killed leaves none at all. The whole hold, all that the model could ever have written, is a hundred
times too much after ten seconds; what it can have written in ten seconds is not. A model's own
answers tell how fast it is, and until some have, it is taken for faster than any.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

# Tokens a second. The fastest that is sold writes some 3,000 (gpt-oss-120b at Cerebras,
# inference-docs.cerebras.ai/models/overview, October 2026).
FASTEST = 4_000

# How long an answer must have been to tell a pace: what comes at once was made before.
SECONDS_MIN = timedelta(milliseconds=250)
TOKENS_MIN = 64


@dataclass(frozen=True, slots=True)
class Trust:
    """
    How far a model's pace is believed once so many answers have told.

    It may be `headroom` times faster than it ever was here. An answer that is not streamed shows
    its pace from its question on, and looks slower than it was written by the wait for its first
    token. The headroom covers that, as long as no more than two thirds of the time of the fastest
    was waiting, up to `beyond` times the longest that was seen: 3 * beyond - 2 = headroom * beyond.
    """

    answers: int
    headroom: Fraction
    beyond: Fraction


# Of 16 answers and one more, one in 17 is faster than all the others, and seldom by a quarter.
TRUST = (
    Trust(3, Fraction(2), Fraction(2)),
    Trust(8, Fraction(3, 2), Fraction(4, 3)),
    Trust(16, Fraction(5, 4), Fraction(8, 7)),
)
ANSWERS_MIN = TRUST[0].answers

_MODELS_MAX = 1_000
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
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
        streamed = (
            _tokens(self.highest * trust.headroom, elapsed)
            for trust in TRUST
            if self.streams >= trust.answers
        )
        most = min(streamed, default=None)
        if most is None:
            whole = (
                self._most_whole(elapsed, each) for each in TRUST if self.wholes >= each.answers
            )
            most = min(whole, default=None)
        return most

    def _most_whole(self, elapsed: timedelta, trust: Trust) -> int:
        known = min(elapsed, self.longest * trust.beyond.numerator / trust.beyond.denominator)
        return _tokens(self.highest_whole * trust.headroom, known) + _tokens(
            FASTEST, elapsed - known
        )


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
    """Whether it changes a bound, or may soon: after the first answers most change nothing."""
    grown = _weight(known.streams) < _weight(now.streams)
    grown |= _weight(known.wholes) < _weight(now.wholes)
    faster = known.highest < now.highest or known.highest_whole < now.highest_whole
    return grown or faster or known.longest < now.longest


def _weight(answers: int) -> int:
    """Grows with each of the first, and then with each doubling."""
    return min(answers, ANSWERS_MIN) + answers.bit_length()


def _tokens(pace: int | Fraction, elapsed: timedelta) -> int:
    """So many, rounded up; none where a clock was set back, and no more than the fastest writes."""
    micros = max(elapsed, _NEVER) // _MICROSECOND
    return math.ceil(min(pace, FASTEST) * Fraction(micros, 1_000_000))
