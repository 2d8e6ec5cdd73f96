"""Recordings and films through the real mitmdump, at vendors that know how long they are."""

import io
import subprocess
import wave
from pathlib import Path

import pytest

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import PROGRAM_SECONDS, Start

HOURS = 7_200
AT_AN_ADDRESS = "https://example.com/two-hours.mp3"

MISTRAL = "https://api.mistral.ai/v1/audio/transcriptions"
GROQ = "https://api.groq.com/openai/v1/audio/transcriptions"
OPENAI = "https://api.openai.com/v1/audio/transcriptions"
CONVERSE = "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse"

FETCHED = {
    "Mistral, an address": (MISTRAL, "voxtral-mini-2602", f"file_url={AT_AN_ADDRESS}"),
    "Mistral, a stored file": (MISTRAL, "voxtral-mini-2602", "file_id=0195-a"),
    "Groq, an address": (GROQ, "whisper-large-v3-turbo", f"url={AT_AN_ADDRESS}"),
    "OpenAI, text where a file belongs": (OPENAI, "whisper-1", "file=recordings/today.mp3"),
}


def curl(proxy: ProxyHandle, url: str, *words: str) -> int:
    """The status that curl gets."""
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url, *words]
    command += ["-H", "authorization: Bearer fake"]
    done = subprocess.run(
        command,
        env=proxy.environ(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PROGRAM_SECONDS,
    )
    return int(done.stdout)


def transcribe(proxy: ProxyHandle, url: str, model: str, *fields: str) -> int:
    """The status of a call with this form."""
    words = [word for field in (f"model={model}", *fields) for word in ("-F", field)]
    return curl(proxy, url, *words)


def recording(folder: Path, seconds: int) -> Path:
    """A WAV file of so much silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8_000 * seconds))
    path = folder / "recording.wav"
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(("url", "model", "field"), FETCHED.values(), ids=FETCHED)
def test_a_recording_that_the_vendor_fetches_is_not_cheap(
    start: Start, provider: ProviderHandle, url: str, model: str, field: str
) -> None:
    """It may be two hours long, and a cap of ten cents does not carry that: nothing is sent."""
    proxy = start(cap="0.10")
    provider.scenario(fetched_seconds=HOURS)
    assert [transcribe(proxy, url, model, field) for _ in range(5)].count(200) == 0
    assert provider.nanos() == proxy.spent_nanos() == 0


def test_a_recording_that_is_fetched_is_billed_as_it_was_heard(
    start: Start, provider: ProviderHandle
) -> None:
    """Held for the longest that Mistral takes, and the rest of that comes back."""
    proxy = start(cap="2")
    provider.scenario(fetched_seconds=HOURS)
    field = f"file_url={AT_AN_ADDRESS}"
    statuses = [transcribe(proxy, MISTRAL, "voxtral-mini-2602", field) for _ in range(6)]
    proxy.settle()
    assert statuses[:5] == [200] * 5
    assert statuses[5] != 200
    assert proxy.spent_nanos() == provider.nanos() == 5 * 360_000_000


@pytest.mark.parametrize("form", ["json", "text", "verbose_json"])
@pytest.mark.parametrize(
    ("url", "model"),
    [(GROQ, "whisper-large-v3-turbo"), (OPENAI, "whisper-1")],
    ids=["Groq", "OpenAI"],
)
def test_a_recording_that_is_sent_is_billed_by_its_length_whoever_tells_it(
    start: Start, provider: ProviderHandle, tmp_path: Path, url: str, model: str, form: str
) -> None:
    """The answer, or the recording itself where the answer does not: Groq's default format."""
    proxy = start(cap="1")
    file = f"file=@{recording(tmp_path, 95)};type=audio/wav"
    assert transcribe(proxy, url, model, file, f"response_format={form}") == 200
    proxy.settle()
    assert 0 < provider.nanos() <= proxy.spent_nanos()
    # The header of a file is no sound, and still less than a second of it.
    assert proxy.spent_nanos() <= provider.nanos() * 96 // 95 + 1


@pytest.mark.parametrize(("cap", "goes"), [("0.10", False), ("1", True)])
def test_a_film_in_a_bucket_fills_the_window(
    start: Start, provider: ProviderHandle, cap: str, *, goes: bool
) -> None:
    """What the model makes of it, only its provider knows before the call."""
    proxy = start(cap=cap)
    provider.scenario(fetched_tokens=280_000)
    body = (
        '{"messages":[{"role":"user","content":[{"text":"What happens?"},{"video":{"format":"mp4",'
        '"source":{"s3Location":{"uri":"s3://films/a.mp4"}}}}]}],"inferenceConfig":{"maxTokens":50}}'
    )
    status = curl(proxy, CONVERSE, "-H", "content-type: application/json", "-d", body)
    proxy.settle()
    assert (status == 200) == (provider.nanos() > 0) == goes
    assert proxy.spent_nanos() == provider.nanos()
