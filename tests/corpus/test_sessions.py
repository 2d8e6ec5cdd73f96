"""`llmcap audit` over recorded WebSocket sessions and gRPC calls, against what they told."""

import json
from base64 import b64encode
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.audit.recordings import read
from llmcap.cli import main
from llmcap.pricing import PriceBook, cost_usd
from llmcap.providers.parts.shape import Ask
from llmcap.providers.xai.grpc import GrpcReader
from llmcap.words.money import ceil_nanos

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
SESSIONS = CORPUS / "ws.jsonl"
CALLS = CORPUS / "grpc.jsonl"

pytestmark = pytest.mark.skipif(
    not (SESSIONS.is_file() and CALLS.is_file()), reason="no recorded traffic at ../shared/corpus"
)


@cache
def audited(path: Path) -> list[dict]:
    """The command's own JSON."""
    result = CliRunner().invoke(main, ["audit", "--json", str(path)])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def lines(path: Path) -> list[dict]:
    """A file's objects."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_session_has_the_usage_that_it_told():
    """Of all its responses together; xAI's is told in seconds, which its tokens are not."""
    expected = lines(CORPUS / "ws.expected.jsonl")
    found = audited(SESSIONS)
    assert [row["id"] for row in found] == [row["source_path"] for row in expected]
    for told, row in zip(expected, found, strict=True):
        usage = row["usage"]
        assert row["billable"], row["id"]
        counts = (usage["input_tokens"], usage["output_tokens"])
        assert counts == (told["input_tokens"], told["output_tokens"]), row["id"]
        if row["provider"] != "xai":
            assert row["responses"] == told["responses"], row["id"]


def test_a_transcript_is_billed_for_its_seconds():
    """Where its event tells them, and where only the voice detector does."""
    told = {row["id"].rpartition("/")[2]: row["usage"] for row in audited(SESSIONS)}
    assert told["test_audio_in_server_vad_transcribes.yaml"]["audio_second"] == 3
    assert told["test_audio_in_server_vad_turn.yaml"]["audio_second"] == 4


def test_every_call_has_the_usage_that_the_recorder_wrote_beside_it():
    """The same message, read by a library."""
    wanted = [
        message["response_sample"]["json"]["usage"]
        for line in lines(CALLS)
        for message in line["messages"]
    ]
    found = audited(CALLS)
    assert len(found) == len(wanted) > 10
    for usage, row in zip(wanted, found, strict=True):
        written = usage["completion_tokens"] + usage.get("reasoning_tokens", 0)
        read_and_written = (usage["prompt_tokens"], written, usage["cached_prompt_text_tokens"])
        told = row["usage"]
        assert (told["input_tokens"], told["output_tokens"], told["cache_read"]) == read_and_written


def test_the_price_book_makes_of_a_call_what_its_bill_says():
    """Tokens, cached ones, reasoning and searches: to the nano-dollar, without looking at it."""
    book = PriceBook()
    checked = 0
    for recording in read(CALLS):
        reader = GrpcReader(Ask(model=""))
        reader.event({"protobuf": encoded(recording.body)})
        reading = reader.reading()
        [charge] = reading.charges
        assert reading.billed_usd is not None
        price = book.find("xai", charge.model, recording.at)
        assert ceil_nanos(cost_usd(charge.usage, price)) == ceil_nanos(reading.billed_usd)
        checked += 1
    assert checked > 10


def encoded(body: bytes) -> str:
    """The one message of a body, as the framing gives it."""
    return b64encode(body[5:]).decode()
