"""
What is seen of one answer: how many tokens it has by now, and how fast they come.

No text has more tokens than bytes, and while that bound is good enough nothing is counted. Where it
is not (a stream at the edge of its hold, an answer that broke off before it told its usage), the
text seen so far is counted with tiktoken, times the factor of the provider's family.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from llmcap.bounds.added import added
from llmcap.bounds.estimate import TokenCounter
from llmcap.metering.meter import Meter
from llmcap.metering.pace import Paces
from llmcap.words.usage import Reading

# How long a provider may go on writing when we have left it, beside the time of its way here and
# back: where it has closed its side (it has noticed, and may have been about to write more), and
# where it was still writing. What is made by then is billed. Where the provider's own connection
# broke, what it had written and we had not read is lost, and nobody can look: a reset throws away
# what waits in the kernel, and asyncio what it has.
STOPPED_WITHIN = timedelta(milliseconds=25)
NOTICE_WITHIN = timedelta(milliseconds=100)
BROKEN_WITHIN = timedelta(seconds=1)
CUT_NOTICE_WITHIN = timedelta(milliseconds=250)

# Or, where that is more, in events as large as those that were seen: one may be half made, and
# whoever writes learns that we have gone by the second that he writes.
STOPPED_EVENTS = 1
NOTICE_EVENTS = 3

# A pace is not measured over less: what comes at once was made before.
MEASURED_MIN = timedelta(milliseconds=100)

# Tokens that are not counted with any text, as what ends an answer.
UNSEEN_TOKENS = 4


# No tokenizer in use makes tokens longer than this on average, so that many bytes are at least one.
BYTES_PER_TOKEN_MAX = 12

# With fewer bytes for each token of its limit, an answer has hardly come to it.
COUNTED_FROM_BYTES = 2

# Over less of a connection nobody can tell how many bytes of it a token takes.
MEASURED_BYTES_MIN = 4_096


class Arrivals(Protocol):
    """What has come of an answer on its connection. Bytes are those of the wire."""

    @property
    def handled(self) -> int:
        """Bytes that were looked at."""
        ...

    def waiting(self) -> int:
        """Bytes that have come, and were not."""
        ...


FindArrivals = Callable[[], Arrivals | None]


class Visible:
    """Of one answer. Each piece of its text is counted once, and dropped."""

    def __init__(
        self, counter: TokenCounter, family: str, model: str, *, clock: Callable[[], datetime]
    ) -> None:
        self.asked_at = clock()
        self.first_byte_at: datetime | None = None
        self._counter = counter
        self._family = family
        self._model = model
        self._clock = clock
        self._counted_bytes = 0
        self._counted_tokens = 0
        self._left_at: datetime | None = None
        self._lost_at: datetime | None = None  # the provider's own connection broke then
        self._ended_at: datetime | None = None  # we end, and read no more
        self._left_bytes = 0
        self._stopped = False
        self._missed = 0
        self.heard_at: datetime | None = None  # when something of it was looked at last
        self._round_trip = timedelta(0)
        self._find_arrivals: FindArrivals | None = None
        self._measured_from: tuple[int, int] | None = None  # tokens, and bytes that were handled
        self._behind = 0  # the most tokens that ever waited at a look

    def began(self, find_arrivals: FindArrivals | None = None) -> None:
        """The head of the answer is here; what can tell of the rest is only asked near the edge."""
        self.first_byte_at = self._clock()
        self._find_arrivals = find_arrivals

    def left(self, visible_bytes: int) -> None:
        """The client went away; the first time counts."""
        if self._left_at is None:
            self._left_at = self._clock()
            self._left_bytes = visible_bytes

    def parted(self, *, stopped: bool, round_trip: timedelta) -> None:
        """Nothing more comes: whether the provider had stopped, and how far away it is."""
        self._stopped, self._round_trip = stopped, round_trip

    def missed(self, unread: int, *, of: Meter) -> None:
        """
        So many bytes had come and were not read: tokens as in those that were.

        Where none was seen by then, as many as so many bytes can be.
        """
        seen = self.tokens(of)
        self._missed = -(-unread * seen // max(of.read_bytes, 1)) if seen else unread

    def is_left(self, reason: str) -> bool:
        """Whether its client ended it: mitmproxy has the same reason for a reset of either side."""
        return self._left_at is not None or "client disconnected" in reason.lower()

    def broke(self, reason: str) -> None:
        """It broke off: unless its client did that, the provider's connection was lost."""
        if not self.is_left(reason):
            self.lost()

    def lost(self) -> None:
        """The provider's connection is lost, and what nobody had read there."""
        self._lost_at = self._clock()

    def ended(self) -> None:
        """This program ends: what has come since its last look is read by nobody."""
        self._ended_at = self._clock()

    def tokens(self, meter: Meter, *, runs: bool = False) -> int:
        """
        A bound of the visible tokens so far: counted text, what else was seen by its bytes, and the
        markers around each call of a tool.

        It is not below the number of events, as each brought a token at least. While the stream
        still `runs`, nobody waits for the vocabulary: until it is loaded, text is bounded by bytes.
        """
        text = "" if runs and not self._counts_at_once() else meter.take_text()
        if text:
            self._counted_bytes += len(text.encode("utf-8", "surrogatepass"))
            self._counted_tokens += self._counter.count([text])
        reading, counted = meter.reading, self._counted_tokens
        written = self._counter.written(counted, family=self._family, model=self._model)
        tokens = written + max(reading.visible_bytes - self._counted_bytes, 0)
        markers = reading.called * added(self._family, self._model).called
        return max(min(tokens, reading.visible_bytes), reading.visible_events) + markers

    def certain(self, meter: Meter, *, limit: int, runs: bool = False) -> int:
        """
        The least that the visible output can be; counted where it may have passed this limit.

        Several tokens may come in one event, and be short ones. While the stream still `runs`,
        nobody waits for the vocabulary to be loaded.
        """
        reading = meter.reading
        sure = certain_tokens(reading)
        if reading.visible_bytes <= COUNTED_FROM_BYTES * limit:
            return sure
        if runs and not self._counts_at_once():
            return sure
        self.tokens(meter)
        counted = self._counted_tokens
        return max(sure, self._counter.least(counted, family=self._family, model=self._model))

    def _counts_at_once(self) -> bool:
        """Whether the vocabulary is loaded; if not, that is done beside other work."""
        if not self._counter.ready:
            self._counter.prepare()
        return self._counter.ready

    @property
    def time_to_write(self) -> timedelta:
        """Since it was asked for, and until its provider notices that nobody listens."""
        return max(self._clock() - self.asked_at, timedelta(0)) + self._notice_within

    def time_unread(self, tokens: int) -> timedelta | None:
        """
        How long it may have been written unread, at a pace that nobody has measured; None where
        what was read shows the pace.

        That is so at our own end, as a program that ends has not seen how far behind it was, and
        with a connection that broke before there was a pace: a wait for the first of its tokens
        shows none.
        """
        if self._ended_at is not None:
            at = self._ended_at
        elif self._lost_at is not None and not (tokens and self._is_measured(self._lost_at)):
            at = self._lost_at
        else:
            return None
        return min(at - self.asked_at, BROKEN_WITHIN) + NOTICE_WITHIN

    @property
    def _notice_within(self) -> timedelta:
        if self._stopped:
            return STOPPED_WITHIN + self._round_trip
        notice = NOTICE_WITHIN + self._round_trip
        return max(notice, self._lost_within(self._lost_at)) if self._lost_at else notice

    def _lost_within(self, at: datetime) -> timedelta:
        """
        How long a provider has written what went with its connection.

        That is no older than our last look but one. Where no pace was measured, what was lost may
        have come in one burst, which no look has shown.
        """
        if self.heard_at is None or not self._is_measured(at):
            return BROKEN_WITHIN
        unheard = max(at - self.heard_at, timedelta(0))
        return min(2 * unheard, BROKEN_WITHIN) + NOTICE_WITHIN

    def _is_measured(self, at: datetime) -> bool:
        """Whether what was read until then shows a pace."""
        first = self.first_byte_at
        return first is not None and at - first >= MEASURED_MIN

    def unseen(self, tokens: int, reading: Reading) -> int:
        """The most that the provider made before it noticed, beside `tokens` that were seen."""
        events = STOPPED_EVENTS if self._stopped else NOTICE_EVENTS
        in_events = -(-events * tokens // max(reading.visible_events, 1))
        coming = self._paced(tokens, reading.visible_bytes, within=self._notice_within)
        return UNSEEN_TOKENS + self._missed + max(in_events, coming)

    def tell(self, paces: Paces, tokens: int, *, streamed: bool) -> None:
        """How fast the model was, as far as its answer of so many tokens has shown that."""
        since = self.first_byte_at if streamed else self.asked_at
        if since is not None:
            elapsed = self._clock() - since
            paces.observe(
                self._family, self._model, tokens=tokens, elapsed=elapsed, streamed=streamed
            )

    def further(self, begun: int) -> int:
        """Calls of tools that can have begun unseen, at the pace of those seen: one at least."""
        if not begun or self.first_byte_at is None:
            return 0
        return max(1, _during(begun, self._clock() - self.first_byte_at, NOTICE_WITHIN))

    def coming(self, tokens: int, visible_bytes: int, *, within: timedelta) -> int:
        """
        Tokens beside those that were seen: what waits to be read, and what such a time brings.

        A program that falls behind has seen less than was made, and the pace is that of the maker.
        One that was behind once may be as late with its next look.
        """
        waiting = self._waiting(tokens)
        self._behind = max(self._behind, waiting)
        return waiting + self._behind + self._paced(tokens + waiting, visible_bytes, within=within)

    def _waiting(self, tokens: int) -> int:
        """What has come and was not read, as so many tokens as its bytes had in what was."""
        arrivals = self._find_arrivals() if self._find_arrivals is not None else None
        if arrivals is None:
            return 0
        if self._measured_from is None:
            self._measured_from = (tokens, arrivals.handled)
        before, handled = self._measured_from
        measured = max(arrivals.handled - handled, MEASURED_BYTES_MIN)
        return -(-arrivals.waiting() * (tokens - before) // measured)

    def _paced(self, tokens: int, visible_bytes: int, *, within: timedelta) -> int:
        """
        Tokens that such a time brings, at the pace of the `tokens` so far.

        By all that was seen, and by what came after the client had gone, as a pause of ours before
        that says nothing of the provider.
        """
        assert self.first_byte_at is not None, "nothing is seen before the first byte"
        now = self._clock()
        coming = _during(tokens, now - self.first_byte_at, within)
        if self._left_at is not None and visible_bytes > self._left_bytes:
            since = tokens * (visible_bytes - self._left_bytes) // visible_bytes
            coming = max(coming, _during(since, now - self._left_at, within))
        return coming


def certain_tokens(reading: Reading) -> int:
    """The least that the visible output can be: one token an event, and none endlessly long."""
    return max(reading.visible_events, reading.visible_bytes // BYTES_PER_TOKEN_MAX)


def _during(tokens: int, elapsed: timedelta, within: timedelta) -> int:
    """At the pace of these tokens in that time; nothing where a clock was set back."""
    if elapsed <= timedelta(0):
        return 0
    return -(-tokens * within // max(elapsed, MEASURED_MIN))
