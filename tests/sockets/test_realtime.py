"""Promise: a voice session is paid for before it is answered, whoever decides to answer."""

import base64
import json
from datetime import UTC, datetime

import pytest
from talk import talk

# gpt-realtime, per token: text read and written, sound read and written; the cache is 0.4 for both.
TEXT, WRITTEN, HEARD, SPOKEN = 4_000, 16_000, 32_000, 64_000
SECOND = base64.b64encode(bytes(48_000)).decode()  # of PCM at 24 kHz

TEXT_PART = {"type": "input_text", "text": "Hello there"}
ITEM = {
    "type": "conversation.item.create",
    "item": {"type": "message", "role": "user", "content": [TEXT_PART]},
}


def session(cap="5", **policy):
    """A session that begins with turn detection on, as all do."""
    told = talk(cap, "/v1/realtime", query={"model": "gpt-realtime"}, **policy)
    told.hears(type="session.created", session=settings())
    return told


def settings(*, detects=True, transcriber="", **more):
    """A session's settings as the API tells them."""
    detection = {"type": "server_vad", "create_response": True} if detects else None
    transcription = {"model": transcriber} if transcriber else None
    heard = {"turn_detection": detection, "transcription": transcription,
             "format": {"type": "audio/pcm", "rate": 24_000}}  # fmt: skip
    return {"model": "gpt-realtime", "audio": {"input": heard}, **more}


def sound(seconds=1):
    """What a microphone sends."""
    return {"type": "input_audio_buffer.append", "audio": SECOND * seconds}


def done(response_id="resp_1", *, read=100, heard=0, written=20, spoken=0, status="completed"):
    """The last frame of a response."""
    usage = {
        "input_tokens": read + heard, "output_tokens": written + spoken,
        "input_token_details": {"text_tokens": read, "audio_tokens": heard, "cached_tokens": 0},
        "output_token_details": {"text_tokens": written, "audio_tokens": spoken},
    }  # fmt: skip
    response = {"id": response_id, "status": status, "usage": usage}
    return {"type": "response.done", "response": response}


def created(response_id="resp_1"):
    """The first one."""
    return {"type": "response.created", "response": {"id": response_id, "status": "in_progress"}}


def test_a_response_that_is_asked_for_is_billed_by_its_usage():
    """Text and sound at their own rates."""
    told = session()
    told.says(**ITEM)
    assert told.balance.held == 0
    told.says(type="response.create")
    assert told.balance.held > 0
    told.hears(**created())
    told.hears(type="response.output_audio.delta", response_id="resp_1", delta="A" * 4000)
    told.hears(**done(read=100, heard=50, written=20, spoken=30))
    cost = 100 * TEXT + 50 * HEARD + 20 * WRITTEN + 30 * SPOKEN
    assert (told.balance.spent, told.balance.held) == (cost, 0)


def test_what_the_server_may_answer_by_itself_is_held_with_the_first_sound():
    """And is what the response is settled against, though nobody asked for it."""
    told = session()
    assert told.says(**sound()).forward is not None
    held = told.balance.held
    assert held > 0
    for _ in range(15):
        told.says(**sound())
    assert told.balance.held == held, "one hold for the whole turn"
    told.hears(type="input_audio_buffer.committed", item_id="item_1")
    told.hears(**created())
    told.hears(**done(heard=200, spoken=90))
    assert told.balance.held == 0
    assert [kind for kind, _ in told.entries] == ["hold", "settled"]


def test_a_long_speech_is_held_with_more_room():
    """Sound is billed by its length, and nobody knows before how long it will be."""
    told = session()
    told.says(**sound())
    held = told.balance.held
    for _ in range(100):
        told.says(**sound())
    assert told.balance.held >= held + 30 * 10 * HEARD
    told.session.broke("client disconnected")
    assert (told.balance.held, told.balance.spent) == (0, 0), "nothing was ever answered"


def test_a_model_that_an_unread_field_names_is_held_for_from_then_on():
    """What was held before is held again with more room; more sound goes on under that."""
    told = session("1000")
    told.says(**sound())
    before = told.balance.held
    told.says(**ITEM, x_new="gpt-5-pro")
    told.says(**sound())
    named = told.balance.held
    assert named > 2 * before
    assert told.says(**sound(60)).forward is not None
    assert told.balance.held >= named


def test_sound_that_cannot_be_paid_for_is_not_passed_on():
    """One error, not one for each of fifty pieces a second; and another when it is tried again."""
    told = session("0.01")
    verdicts = [told.says(**sound()) for _ in range(50)]
    assert all(verdict.forward is None for verdict in verdicts)
    errors = [frame for verdict in verdicts for frame in verdict.to_client]
    assert len(errors) == 1
    assert json.loads(errors[0])["error"]["type"] == "insufficient_quota"
    told.walked.clock.forward(seconds=3)
    assert told.says(**sound()).to_client


def test_a_session_without_detection_holds_nothing_for_sound():
    """There, only a frame of the client starts a response."""
    told = session()
    told.says(type="session.update", session=settings(detects=False))
    told.says(**sound())
    assert told.balance.held == 0
    told.says(type="response.create")
    assert told.balance.held > 0


def test_the_next_response_is_bounded_by_what_the_last_one_read():
    """All of the conversation is read again; not the model's whole window."""
    told = session()
    told.says(type="session.update", session=settings(detects=False, max_output_tokens=100))
    told.says(type="response.create")
    first = told.balance.held
    told.hears(**created())
    told.hears(**done(read=5_000, written=50))
    told.says(type="response.create")
    second = told.balance.held
    assert second - first >= 5_050 * HEARD - 2_000 * HEARD
    assert second < 32_000 * HEARD


def test_a_response_that_was_not_held_for_is_ended_and_its_cost_is_charged():
    """The session outlives it."""
    told = session("0.01")
    verdict = told.hears(**created())
    assert verdict.forward is None
    assert json.loads(verdict.to_client[0])["type"] == "error"
    assert json.loads(verdict.to_provider[0]) == {
        "type": "response.cancel", "response_id": "resp_1",
    }  # fmt: skip
    assert verdict.close == 0
    assert told.hears(type="response.output_text.delta", response_id="resp_1").forward is None
    assert told.hears(**done(read=50, written=2, status="cancelled")).forward is not None
    assert told.balance.spent == 50 * TEXT + 2 * WRITTEN
    assert told.hears(type="rate_limits.updated").forward is not None


def test_a_transcript_is_billed_at_the_price_of_who_made_it():
    """By the second with Whisper, to be held ahead like a response."""
    told = talk("5", "/v1/realtime", query={"model": "gpt-realtime"})
    told.hears(
        type="session.created", session=settings(detects=False, transcriber="gpt-realtime-whisper")
    )
    told.says(**sound())
    assert told.balance.held > 0
    told.hears(type="input_audio_buffer.committed", item_id="item_1")
    told.hears(
        type="conversation.item.input_audio_transcription.completed", item_id="item_1",
        transcript="Hello", usage={"type": "duration", "seconds": 3},
    )  # fmt: skip
    assert told.balance.held == 0
    assert told.balance.spent == 3 * 1_020_000_000 // 3600


def test_a_transcript_in_tokens_is_billed_in_tokens():
    """As the models after Whisper are."""
    told = talk("5", "/v1/realtime", query={"model": "gpt-realtime"})
    told.hears(
        type="session.created", session=settings(detects=False, transcriber="gpt-4o-transcribe")
    )
    told.says(**sound())
    told.hears(type="input_audio_buffer.committed", item_id="item_1")
    usage = {
        "type": "tokens", "input_tokens": 30, "output_tokens": 5,
        "input_token_details": {"audio_tokens": 30, "text_tokens": 0},
    }  # fmt: skip
    told.hears(
        type="conversation.item.input_audio_transcription.completed", item_id="item_1", usage=usage
    )
    assert (told.balance.spent, told.balance.held) == (30 * 6_000 + 5 * 10_000, 0)


def test_the_detectors_times_bill_a_transcript_that_tells_none():
    """As Azure's voice live does."""
    told = talk("5", "/v1/realtime", query={"model": "gpt-realtime"})
    told.hears(type="session.created", session=settings(detects=False, transcriber="whisper-1"))
    told.says(**sound())
    item = {"item_id": "item_1"}
    told.hears(type="input_audio_buffer.speech_started", audio_start_ms=1_456, **item)
    told.hears(type="input_audio_buffer.speech_stopped", audio_end_ms=4_512, **item)
    told.hears(type="input_audio_buffer.committed", **item)
    told.hears(type="conversation.item.input_audio_transcription.completed", usage=None, **item)
    assert (told.balance.spent, told.balance.held) == (4 * 360_000_000 // 3600, 0)


def test_an_error_about_another_frame_does_not_end_a_response():
    """It goes on, and its usage counts."""
    told = session()
    told.says(type="response.create")
    told.hears(**created())
    told.hears(type="error", error={"type": "invalid_request_error"})
    told.hears(**done(read=10, written=1))
    assert told.balance.spent == 10 * TEXT + WRITTEN


def test_a_refused_create_costs_nothing():
    """The provider's own refusal gives the money back."""
    told = session()
    told.says(type="response.create")
    told.hears(type="error", error={"code": "conversation_already_has_active_response"})
    assert (told.balance.spent, told.balance.held) == (0, 0)


@pytest.mark.parametrize("committed", [True, False])
def test_a_session_that_breaks_bills_what_may_have_begun(committed):
    """Sound that was taken for a turn is answered; sound that was not, is not."""
    told = session()
    told.says(**sound())
    if committed:
        told.hears(type="input_audio_buffer.committed", item_id="item_1")
    told.session.broke("client disconnected")
    assert told.balance.held == 0
    assert (told.balance.spent > 0) is committed


def test_xai_is_billed_by_the_second_and_the_message():
    """Its tokens are told, and not what the bill is made of."""
    told = talk("5", "/v1/realtime", host="api.x.ai")
    told.walked.clock.now = datetime(2026, 6, 1, tzinfo=UTC)
    told.hears(
        type="session.created",
        session={"model": "grok-voice-think-fast-1.0", "turn_detection": {"type": None}},
    )
    told.says(**ITEM)
    told.says(type="response.create")
    assert told.balance.held > 0
    told.hears(**created())
    usage = {"input_tokens": 7, "output_tokens": 83, "billable_audio_seconds": 4}
    told.hears(type="response.done", response={"id": "resp_1", "usage": {}}, usage=usage)
    seconds = -(-4 * 3_000_000_000 // 3600)
    assert (told.balance.spent, told.balance.held) == (seconds + 4_000_000, 0)


@pytest.mark.parametrize(
    ("told_of", "searches"),
    [
        ({}, 10),
        ({"output": [{"type": "message"}]}, 0),
        ({"output": [{"type": "web_search_call"}, {"type": "message"}]}, 1),
    ],
)
def test_searches_of_xai_are_held_and_billed_as_shown_or_as_held(told_of, searches):
    """At five dollars for a thousand; a response that shows nothing of itself shows none."""
    told = talk("5", "/v1/realtime", host="api.x.ai")
    told.hears(
        type="session.created",
        session={"model": "grok-voice-think-fast-1.0", "turn_detection": {"type": None}},
    )
    told.says(type="session.update", session={"tools": [{"type": "web_search"}]})
    told.says(type="response.create")
    assert told.balance.held > 50_000_000
    told.hears(**created())
    usage = {"input_tokens": 7, "output_tokens": 83, "billable_audio_seconds": 3}
    told.hears(type="response.done", response={"id": "resp_1", **told_of}, usage=usage)
    heard = 3 * 3_000_000_000 // 3600
    assert (told.balance.spent, told.balance.held) == (heard + searches * 5_000_000, 0)


@pytest.mark.parametrize("of_the_session", [True, False])
def test_what_somebody_elses_server_says_in_a_session_fills_the_window(of_the_session):
    """The session's tools hold for each response; those of a response for that one."""
    tools = [{"type": "mcp", "server_label": "s", "server_url": "https://mcp.example"}]
    plain, told = session(), session()
    plain.says(type="response.create")
    if of_the_session:
        told.says(type="session.update", session={"tools": tools})
        told.says(type="response.create")
    else:
        told.says(type="response.create", response={"tools": tools})
    assert told.balance.held > plain.balance.held + 20_000 * HEARD


def test_a_transcriber_reads_what_it_is_told_each_time():
    """A long prompt is held for with the sound."""
    held = []
    for words in (1, 5_000):
        told = session()
        transcription = {"model": "gpt-4o-transcribe", "prompt": "word " * words}
        told.says(
            type="session.update",
            session={"audio": {"input": {"transcription": transcription, "turn_detection": None}}},
        )
        told.says(**sound())
        held.append(told.balance.held)
    assert held[1] > held[0] + 4_000 * 2_500
