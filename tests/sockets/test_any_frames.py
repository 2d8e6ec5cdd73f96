"""
Promise: whatever frames come in whatever order, no session spends more than its cap, none raises,
and when the connection is over nothing is held.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, talk

CAP_NANOS = 1_000_000_000

LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SESSIONS = {
    "responses": ("/v1/responses", "api.openai.com"),
    "realtime": ("/v1/realtime", "api.openai.com"),
    "live": (LIVE, "generativelanguage.googleapis.com"),
}

# What a bill can be made of is kept within what was asked for, as a provider keeps it.
IDS = st.sampled_from(["r1", "r2", ""])
LANES = st.sampled_from([{}, {"stream_id": "a"}])


def usage() -> dict:
    """A small usage, under every wire's names."""
    return {
        "input_tokens": 20, "output_tokens": 3, "promptTokenCount": 20, "responseTokenCount": 3,
        "totalTokenCount": 23, "type": "duration", "seconds": 1,
    }  # fmt: skip


def response_frames(name: str) -> st.SearchStrategy[dict]:
    """Frames of a response, of any id."""
    return st.builds(
        lambda response_id, lane: {
            "type": name, "response_id": response_id, "delta": "word",
            "response": {"id": response_id, "model": "gpt-4o-mini", "usage": usage()}, **lane,
        },
        IDS,
        LANES,
    )  # fmt: skip


SAID = st.one_of(
    st.builds(
        lambda lane: {"type": "response.create", "model": "gpt-4o-mini", "input": "x",
                      "max_output_tokens": 50, **lane},
        LANES,
    ),
    st.sampled_from(
        [
            {"type": "response.cancel"},
            {"type": "conversation.item.create", "item": {"content": [{"text": "hello"}]}},
            {"type": "input_audio_buffer.append", "audio": "AAAA"},
            {"type": "session.update", "session": {"turn_detection": None}},
            {
                "type": "session.update",
                "session": {
                    "input_audio_transcription": {"model": "whisper-1"},
                    "max_response_output_tokens": 50,
                },
            },
            {"setup": {"model": "models/gemini-2.5-flash", "generationConfig": {
                "maxOutputTokens": 50}}},
            {"clientContent": {"turns": [], "turnComplete": True}},
            {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm"}}},
            {"toolResponse": {"functionResponses": []}},
            {},
        ]
    ),
)  # fmt: skip

HEARD = st.one_of(
    *(
        response_frames(name)
        for name in (
            "response.created", "response.output_text.delta", "response.completed",
            "response.done", "response.failed",
        )
    ),
    st.sampled_from(
        [
            {"type": "error", "error": {"code": "x"}},
            {"type": "session.created", "session": {"model": "gpt-realtime-mini"}},
            {"type": "input_audio_buffer.committed", "item_id": "i1"},
            {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i1",
             "usage": {"type": "duration", "seconds": 1}},
            {"serverContent": {"modelTurn": {"parts": [{"text": "hi"}]}}},
            {"serverContent": {"turnComplete": True}, "usageMetadata": usage()},
            {"usageMetadata": usage()},
            {"error": {"code": 13}},
            {"type": 7, "serverContent": [], "response": "x"},
        ]
    ),
)  # fmt: skip


SAID_UNPRICED = [
    {"type": "response.create", "model": "gpt-4o-mini"},  # which is sold by no second
    {"type": "session.update", "session": {"turn_detection": None}},
    {"type": "session.update", "session": {"input_audio_transcription": {"model": "whisper-1"}}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
]


def test_a_frame_that_cannot_be_priced_is_refused_like_a_request():
    """A model that is named where nobody reads may serve, and be sold by other units."""
    path, host = SESSIONS["realtime"]
    told: Talk = talk("1", path, host=host)
    for said in SAID_UNPRICED:
        answered = told._done(told.session.from_client(json.dumps(said).encode()))
    assert answered.forward is None
    assert b"gpt-4o-mini has no price for audio_second" in answered.to_client[0]


@pytest.mark.parametrize("name", SESSIONS)
@given(frames=st.lists(st.tuples(st.booleans(), SAID, HEARD), max_size=25))
def test_no_order_of_frames_gets_around_the_cap(name, frames):
    """And every hold has an end, by a settlement of its own."""
    path, host = SESSIONS[name]
    told: Talk = talk("1", path, host=host)
    for from_client, said, heard in frames:
        content = json.dumps(said if from_client else heard).encode()
        session = told.session
        step = session.from_client(content) if from_client else session.from_provider(content)
        told._done(step)
        assert told.balance.spent + told.balance.held <= CAP_NANOS
    told.session.broke("client disconnected")
    assert told.balance.held == 0
    assert told.balance.spent <= CAP_NANOS
    kinds = [kind for kind, _ in told.entries]
    ends = sum(kinds.count(kind) for kind in ("settled", "assumed", "released"))
    assert kinds.count("hold") == ends
    assert "overrun" not in [kind for kind, _ in told.walked.events]
    assert told.walked.firewall.ledger.audit() == []
