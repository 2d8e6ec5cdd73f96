"""Promise: each turn of a Live session is billed by its own usage, and none runs unpaid."""

import base64
import json

import pytest
from talk import Talk, talk

from llmcap.sockets import Verdict

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
MODEL = "gemini-3.1-flash-live-preview"
READ, SPOKEN, WRITTEN = 750, 12_000, 4_500  # nano-dollars for one token
SECOND = base64.b64encode(bytes(32_000)).decode()


def session(cap: str = "5", **setup) -> Talk:
    """A session that has been set up."""
    told = talk(cap, PATH, host="generativelanguage.googleapis.com")
    assert told.says(setup={"model": f"models/{MODEL}", **setup}).forward is not None
    told.hears(setupComplete={})
    return told


def says(told: Talk, text: str = "Say a short greeting.") -> Verdict:
    """The client's part of a turn."""
    turns = [{"role": "user", "parts": [{"text": text}]}]
    return told.says(client_content={"turns": turns, "turnComplete": True})


def hears(told: Talk, prompt: int, spoken: int) -> Verdict:
    """The whole answer; the last of several usages is the turn's."""
    data = base64.b64encode(bytes(4_000)).decode()
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
    told.hears(serverContent={"modelTurn": {"parts": [part]}}, usageMetadata=usage(prompt, 1))
    told.hears(serverContent={"generationComplete": True})
    return told.hears(serverContent={"turnComplete": True}, usageMetadata=usage(prompt, spoken))


def usage(prompt: int, spoken: int) -> dict:
    """A `usageMetadata` of the Live API."""
    return {
        "promptTokenCount": prompt,
        "responseTokenCount": spoken,
        "totalTokenCount": prompt + spoken,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": spoken}],
    }


def test_each_turn_is_billed_by_its_own_usage():
    """Which holds all of the session that it read; within one turn the last usage counts."""
    told = session()
    assert told.balance.held == 0
    says(told)
    assert told.balance.held > 0
    hears(told, 400, 20)
    assert (told.balance.spent, told.balance.held) == (400 * READ + 20 * SPOKEN, 0)
    says(told)
    hears(told, 450, 30)
    assert told.balance.spent == 850 * READ + 50 * SPOKEN


def test_a_turn_is_refused_with_an_error_that_the_sdk_reads_and_a_close():
    """The API has no error frame, so the session is over, with the reason."""
    told = session("0")
    verdict = says(told)
    assert verdict.forward is None
    [frame] = verdict.to_client
    error = json.loads(frame)
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "LLMCap" in error["message"]
    assert verdict.close == 1008
    assert 0 < len(verdict.reason.encode()) <= 123
    assert told.hears(serverContent={}).forward is None


def test_sound_is_held_ahead_as_the_server_finds_the_end_of_speech():
    """One hold for a turn; it is the one that the answer is settled against."""
    told = session()
    chunk = {"mimeType": "audio/pcm;rate=16000", "data": SECOND}
    told.says(realtime_input={"media_chunks": [chunk]})
    held = told.balance.held
    assert held > 0
    for _ in range(10):
        told.says(realtimeInput={"audio": chunk})
    assert told.balance.held == held
    told.hears(serverContent={"inputTranscription": {"text": "Hello"}})
    hears(told, 300, 40)
    assert (told.balance.spent, told.balance.held) == (300 * READ + 40 * SPOKEN, 0)


def test_without_detection_only_the_end_of_an_activity_is_a_turn():
    """The client says when it has spoken."""
    config = {"automaticActivityDetection": {"disabled": True}}
    told = session(realtimeInputConfig=config)
    chunk = {"mimeType": "audio/pcm;rate=16000", "data": SECOND}
    told.says(realtimeInput={"audio": chunk})
    assert told.balance.held == 0
    told.says(realtimeInput={"activityEnd": {}})
    assert told.balance.held > 0


def test_a_tools_answer_belongs_to_the_turn_that_asked_for_it():
    """One usage at the end, one settlement."""
    told = session()
    says(told)
    held = told.balance.held
    told.hears(toolCall={"functionCalls": [{"id": "1", "name": "f", "args": {"city": "Paris"}}]})
    told.says(tool_response={"functionResponses": [{"id": "1", "response": {"output": "fog"}}]})
    assert told.balance.held == held
    hears(told, 500, 60)
    assert (told.balance.spent, told.balance.held) == (500 * READ + 60 * SPOKEN, 0)
    assert [kind for kind, _ in told.entries] == ["hold", "settled"]


def test_a_part_of_a_turn_starts_nothing():
    """Only when the client has completed it."""
    told = session()
    turns = [{"role": "user", "parts": [{"text": "My name is Alice."}]}]
    told.says(clientContent={"turns": turns, "turnComplete": False})
    assert told.balance.held == 0


def test_the_next_turn_is_bounded_by_what_the_last_one_read():
    """Not by the model's whole window."""
    told = session(generationConfig={"maxOutputTokens": 100})
    says(told)
    hears(told, 20_000, 50)
    says(told)
    assert 20_050 * READ < told.balance.held < 131_072 * 3_000


def test_speech_that_nothing_announced_is_admitted_or_ends_the_session():
    """As a proactive model may begin by itself."""
    told = session()
    assert told.hears(serverContent={"modelTurn": {"parts": []}}).forward is not None
    assert told.balance.held > 0
    hears(told, 10, 1)
    assert (told.balance.spent, told.balance.held) == (10 * READ + SPOKEN, 0)

    poor = session("0.0001")
    verdict = poor.hears(serverContent={"modelTurn": {"parts": []}})
    assert (verdict.forward, verdict.close) == (None, 1008)


@pytest.mark.parametrize("spelling", ["setup first", "no setup"])
def test_a_session_without_a_model_is_refused(spelling):
    """Nothing is sent to a model that has no price."""
    told = talk("5", PATH, host="generativelanguage.googleapis.com")
    if spelling == "setup first":
        told.says(setup={"model": "models/no-such-model"})
    verdict = says(told)
    assert verdict.forward is None
    assert json.loads(verdict.to_client[0])["code"] == 400


@pytest.mark.parametrize(
    ("tool", "tokens"), [({"urlContext": {}}, 100_000), ({"code_execution": {}}, 20_000)]
)
def test_what_the_tools_of_a_session_read_is_held_for(tool, tokens):
    """A page has no end but the model's window; what a program prints is as in any call."""
    plain, told = session("50"), session("50", tools=[tool])
    says(plain)
    says(told)
    assert told.balance.held > plain.balance.held + tokens * READ
