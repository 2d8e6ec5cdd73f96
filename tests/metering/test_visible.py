"""What is seen of an answer: its tokens, bounded or counted, and how fast they come."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk import FakeClock, chunk

from llmcap.bounds.estimate import TokenCounter
from llmcap.bounds.vocabulary import encoding
from llmcap.metering.meter import Meter
from llmcap.metering.visible import (
    BROKEN_WITHIN,
    MEASURED_MIN,
    NOTICE_EVENTS,
    NOTICE_WITHIN,
    UNSEEN_TOKENS,
    Visible,
    certain_tokens,
)
from llmcap.providers import match
from llmcap.providers.parts.shape import Ask
from llmcap.words.records import Reading

_, CHAT = match("api.openai.com", "POST", "/v1/chat/completions")
SECOND = timedelta(seconds=1)


# A hundred events, of five tokens each.
SEEN = Reading(visible_bytes=2_000, visible_events=100)
IN_EVENTS = NOTICE_EVENTS * 5


def streamed(*texts: str) -> Meter:
    """A stream of chat completions with these deltas so far."""
    head = {"content-type": "text/event-stream"}
    meter = Meter(CHAT, Ask(model="m", stream=True), status=200, headers=head)
    for text in texts:
        meter.feed(chunk(text))
    return meter


def visible(clock: FakeClock | None = None) -> Visible:
    """Of an answer of OpenAI's, which has just begun."""
    made = Visible(TokenCounter(), "openai", "gpt-4o-mini", clock=clock or FakeClock())
    made.began()
    return made


@pytest.mark.parametrize(
    ("model", "least"), [pytest.param("gpt-4o", 380, id="ours"), pytest.param("other", 200)]
)
def test_several_tokens_in_an_event_are_no_one_token(model: str, least: int) -> None:
    """Four hundred words, ten an event: where the vocabulary is ours, hardly fewer tokens."""
    meter = streamed(*["word " * 10] * 40)
    made = Visible(TokenCounter(encoding().encode_ordinary), "openai", model, clock=FakeClock())
    assert made.certain(meter, limit=100) == least
    assert made.certain(meter, limit=10_000) == certain_tokens(meter.reading) == 166


def test_nobody_waits_for_the_vocabulary_while_a_stream_runs() -> None:
    """Until it is there, what the bytes tell has to do; at the end it is loaded."""
    meter, counter = streamed(*["word " * 10] * 40), TokenCounter()
    made = Visible(counter, "openai", "gpt-4o", clock=FakeClock())
    counter.prepare = lambda: None
    assert made.certain(meter, limit=100, runs=True) == certain_tokens(meter.reading)
    assert made.tokens(meter, runs=True) == meter.reading.visible_bytes
    assert made.certain(meter, limit=100) == 380
    assert made.tokens(meter, runs=True) < 500


@given(st.lists(st.text(), max_size=8))
def test_counted_tokens_are_a_bound_whatever_the_text(texts: list[str]) -> None:
    """Not below what tiktoken makes of the whole, nor above its bytes; however it was cut."""
    made, whole = visible(), "".join(texts)
    bound = made.tokens(streamed(*texts))
    assert len(encoding().encode_ordinary(whole)) <= bound
    assert bound <= max(len(whole.encode()), len(texts))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8))
def test_counting_as_it_comes_is_no_less_than_counting_at_the_end(texts: list[str]) -> None:
    """But for a token at a seam; each piece is counted once, and its text dropped."""
    meter, made, bound = streamed(), visible(), 0
    for text in texts:
        meter.feed(chunk(text))
        bound = made.tokens(meter)
        assert not meter.take_text()
    assert bound + len(texts) >= visible().tokens(streamed(*texts))


def test_many_looks_make_no_more_tokens_than_one() -> None:
    """What is rounded up is the sum."""
    meter, made = streamed(), visible()
    for _ in range(200):
        meter.feed(chunk(" word"))
        bound = made.tokens(meter)
    assert bound == visible().tokens(streamed(" word" * 200)) <= 206


def test_text_beyond_what_is_kept_counts_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and so are the tokens."""
    monkeypatch.setattr("llmcap.providers.parts.reader.KEPT_BYTES_MAX", 10)
    assert visible().tokens(streamed("some words ", "and many more words")) >= 19


def test_an_event_is_a_token_at_least() -> None:
    """A provider's own token may be half a character."""
    assert visible().tokens(streamed(*["a"] * 40)) == 40


@pytest.mark.parametrize(
    ("elapsed", "unseen"),
    [(SECOND * 100, IN_EVENTS), (SECOND / 10, 500), (SECOND / 1000, 500), (-SECOND, IN_EVENTS)],
)
def test_what_is_unseen_grows_with_the_pace(elapsed: timedelta, unseen: int) -> None:
    """A tenth of a second's worth, some events at least; no pace is measured over less time."""
    clock = FakeClock()
    made = visible(clock)
    clock.forward(seconds=elapsed.total_seconds())
    assert made.unseen(500, SEEN) == UNSEEN_TOKENS + unseen


def test_the_pace_since_the_client_left_is_counted_apart() -> None:
    """It is the provider's alone: nobody else was waited for."""
    clock = FakeClock()
    made = visible(clock)
    clock.forward(seconds=50)
    made.left(1_000)
    clock.forward(seconds=0.1)
    unseen = UNSEEN_TOKENS + 250
    assert made.unseen(500, SEEN) == unseen
    made.left(2_000)
    assert made.unseen(500, SEEN) == unseen, "a client leaves once"


def test_bytes_that_nobody_could_read_are_tokens_as_those_that_were_read() -> None:
    """Of a hundred events a tenth more is ten."""
    meter, made = streamed(*[" word"] * 100), visible()
    tokens = made.tokens(meter)
    before = made.unseen(tokens, meter.reading)
    made.missed(meter.read_bytes // 10, of=meter)
    assert made.unseen(tokens, meter.reading) - before in (tokens // 10, tokens // 10 + 1)


@dataclass
class Line:
    """A connection of which so many bytes were looked at, and so many were not."""

    handled: int = 0
    unread: int = 0

    def waiting(self) -> int:
        """Those that were not."""
        return self.unread


def test_what_waits_to_be_read_is_coming_at_the_bytes_of_what_was() -> None:
    """And the pace is that of all that was made, read or not; who is late may be so again."""
    clock, line = FakeClock(), Line()
    made = Visible(TokenCounter(), "openai", "gpt-4o-mini", clock=clock)
    made.began(lambda: line)
    assert made.coming(0, 0, within=SECOND) == 0
    clock.forward(seconds=10)
    line.handled, line.unread = 100_000, 50_000  # a hundred bytes for a token
    assert made.coming(1_000, 4_000, within=SECOND) == 500 + 500 + 150
    line.unread = 0
    assert made.coming(1_000, 4_000, within=SECOND) == 500 + 100


def test_bytes_before_the_answer_say_nothing_of_its_tokens() -> None:
    """A connection has carried others before; and of a few bytes nobody can tell."""
    clock, line = FakeClock(), Line(handled=9_000_000)
    made = Visible(TokenCounter(), "openai", "gpt-4o-mini", clock=clock)
    made.began(lambda: line)
    made.coming(0, 0, within=SECOND)
    clock.forward(seconds=1)
    line.handled, line.unread = line.handled + 10, 8_192
    assert made.coming(5, 20, within=SECOND) == 10 + 10 + 15


@pytest.mark.parametrize(
    ("reason", "within"),
    [
        ("Client disconnected.", NOTICE_WITHIN),
        ("connection reset by the provider", BROKEN_WITHIN),
        ("server closed connection", BROKEN_WITHIN),
    ],
)
def test_what_a_lost_connection_had_in_it_is_taken_for_more(reason: str, within: timedelta) -> None:
    """A client that leaves is followed by a look; what a reset has swallowed nobody can see."""
    clock = FakeClock()
    made = visible(clock)
    clock.forward(seconds=2)
    made.broke(reason)
    unseen = UNSEEN_TOKENS + 250 * within // SECOND
    assert made.unseen(500, SEEN) == unseen


def test_what_breaks_off_before_a_pace_is_known_may_have_sent_a_burst() -> None:
    """However lately it was looked at: a reset takes along what the kernel had."""
    clock = FakeClock()
    made = visible(clock)
    clock.forward(milliseconds=10)
    made.heard_at = clock()
    made.broke("connection reset by the provider")
    assert made.unseen(500, SEEN) == UNSEEN_TOKENS + 500 * BROKEN_WITHIN // MEASURED_MIN


@pytest.mark.parametrize(("silent", "within"), [(0, 0.1), (0.01, 0.12), (0.3, 0.7), (9, 1.1)])
def test_what_was_lost_is_no_older_than_our_last_look_but_one(silent: float, within: float) -> None:
    """Whoever is late to read has more to lose; of a long silence most was the provider's."""
    clock = FakeClock()
    made = visible(clock)
    clock.forward(seconds=10 - silent)
    made.heard_at = clock()
    clock.forward(seconds=silent)
    made.broke("connection reset by the provider")
    unseen = UNSEEN_TOKENS + max(IN_EVENTS, round(50 * within))
    assert made.unseen(500, SEEN) == unseen


def test_a_wait_for_the_first_token_shows_no_pace() -> None:
    """After ten seconds of thought an answer may break off in the middle of its first burst."""
    clock = FakeClock()
    made = visible(clock)
    clock.forward(seconds=10)
    made.heard_at = clock()
    made.broke("connection reset by the provider")
    assert made.time_unread(500) is None
    assert made.time_unread(0) == BROKEN_WITHIN + NOTICE_WITHIN
