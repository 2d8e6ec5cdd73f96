"""
Transcripts of OpenAI, Groq and Mistral: billed by the length that this provider heard.

It knows that by itself: of a WAV from its samples, of a recording that it fetches from the
scenario. Whether an answer tells it is another matter: Groq's default format does not.
"""

import email.policy
import io
import wave
from dataclasses import dataclass
from email.parser import BytesParser

from fake_provider import tariff
from fake_provider.bill import Record
from fake_provider.engine import Document, send_json
from fake_provider.exchange import Exchange, Request
from fake_provider.scenario import Scenario

PATHS = ("/v1/audio/transcriptions", "/openai/v1/audio/transcriptions")

# Whose model it is says how its vendor answers.
MISTRALS, GROQS = "voxtral-mini-2602", "whisper-large-v3-turbo"

# Thousandths of a second that a recording costs at least: https://groq.com/pricing
LEAST_MILLIS = {GROQS: 10_000}


@dataclass(frozen=True, slots=True)
class Recording:
    """What a form asks for, and how long its recording is, in thousandths of a second."""

    model: str
    form: str  # of the answer
    millis: int

    @property
    def billed_millis(self) -> int:
        """What is billed of it."""
        return max(self.millis, LEAST_MILLIS.get(self.model, 0))

    def answer(self) -> tuple[str, Document | str]:
        """The content type of the answer, and the answer."""
        said = "Words that somebody said."
        if self.model == MISTRALS:
            heard = {"prompt_audio_seconds": -(-self.millis // 1000), "prompt_tokens": 4,
                     "completion_tokens": 9, "total_tokens": 400}  # fmt: skip
            return "application/json", {"model": self.model, "text": said, "usage": heard}
        if self.form == "text":
            return "text/plain; charset=utf-8", said
        if self.form == "verbose_json":
            return "application/json", {"text": said, "duration": self.millis / 1000}
        if self.model != GROQS:
            usage = {"type": "duration", "seconds": -(-self.millis // 1000)}
            return "application/json", {"text": said, "usage": usage}
        return "application/json", {"text": said, "x_groq": {"id": "req_fake"}}


def read(request: Request, fetched_seconds: int) -> Recording | None:
    """What a form asks for; None where it is none, or asks for a model that is not sold."""
    head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    fields: dict[str, bytes] = {}
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        fields[str(name)] = content if isinstance(content, bytes) else b""
    model = fields.get("model", b"").decode()
    if model not in tariff.HEARD:
        return None
    millis = _wave_millis(fields.get("file", b"")) or fetched_seconds * 1000
    return Recording(model, fields.get("response_format", b"json").decode(), millis)


async def send(
    exchange: Exchange, recording: Recording, record: Record, scenario: Scenario
) -> None:
    """The transcript, once it is billed."""
    record.heard_millis = recording.billed_millis
    content_type, told = recording.answer()
    if isinstance(told, str):
        head = {"content-type": content_type, "content-length": str(len(told))}
        await exchange.start(200, head)
        await exchange.send(told.encode())
        await exchange.end()
    else:
        await send_json(exchange, told, scenario)
    record.ended = "whole"


def _wave_millis(data: bytes) -> int:
    if not data.startswith(b"RIFF"):
        return 0
    with wave.open(io.BytesIO(data)) as sound:
        millis: int = -(-sound.getnframes() * 1000 // sound.getframerate())
    return millis
