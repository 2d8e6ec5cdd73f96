"""Promise: in each family of formats a cut stream costs what was made, not what was held."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import grok_calls
import pytest
from walk import Walk, post, walk

from fake_provider import eventstream
from llmcap.bounds.estimate import TOKENIZER_FACTOR, WRITTEN_FACTOR
from llmcap.providers.parts.shape import Request
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Budget, Ending, HoldMode

TEXT = " word" * 10
TOKENS = 10  # of it, in o200k_base
ASKED = [{"role": "user", "content": "hello"}]
BESIDE = 64  # tokens that are assumed beside those that were seen
PIECES_MAX = 4_000


def sse(**fields) -> bytes:
    """One event."""
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


@dataclass(frozen=True)
class Family:
    """A format, at a vendor that stops when its client goes, or at one that goes on."""

    request: Request
    token_nanos: int  # for one that is written, by the price list
    word: Callable[[str], bytes]
    begins: bytes = b""
    ends: Callable[[int], bytes] = lambda _: b""  # with so many written: the usage at its end
    content_type: str = "text/event-stream"
    exact: bool = False  # tokens are counted in the model's own vocabulary


def chat(host: str, model: str, nanos: int, *, base: str = "/v1", exact: bool = False) -> Family:
    """A vendor that speaks OpenAI's chat completions."""
    told = {"id": "x-1", "model": model, "object": "chat.completion.chunk"}
    told |= {"service_tier": "default"}

    def usage(made: int) -> bytes:
        used = {"prompt_tokens": 8, "completion_tokens": made, "total_tokens": 8 + made}
        return sse(**told, choices=[], usage=used)

    return Family(
        post(
            f"{base}/chat/completions",
            {"model": model, "messages": ASKED, "stream": True, "max_tokens": 90_000},
            host=host,
        ),
        nanos,
        lambda text: sse(**told, choices=[{"index": 0, "delta": {"content": text}}]),
        ends=usage,
        exact=exact,
    )


STOPPING = {
    "chat": chat("api.openai.com", "gpt-4o-mini", 600, exact=True),
    "compatible": chat("api.together.ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", 880),
    "responses": Family(
        post(
            "/v1/responses",
            {"model": "gpt-4o-mini", "input": "hello", "stream": True, "max_output_tokens": 16_000},
        ),
        600,
        lambda text: sse(type="response.output_text.delta", delta=text),
        begins=sse(
            type="response.created",
            response={"id": "x-1", "model": "gpt-4o-mini", "service_tier": "default"},
        ),
        exact=True,
    ),
    "messages": Family(
        post(
            "/v1/messages",
            {
                "model": "claude-haiku-4-5", "messages": ASKED, "stream": True,
                "max_tokens": 60_000, "thinking": {"type": "disabled"},
            },
            host="api.anthropic.com",
        ),
        5_000,
        lambda text: sse(
            type="content_block_delta", index=0, delta={"type": "text_delta", "text": text}
        ),
        begins=sse(
            type="message_start",
            message={
                "id": "x-1", "model": "claude-haiku-4-5",
                "usage": {"input_tokens": 8, "output_tokens": 1},
            },
        ),
    ),
    "cohere": Family(
        post(
            "/v2/chat",
            {"model": "command-r-08-2024", "messages": ASKED, "stream": True, "max_tokens": 4_000},
            host="api.cohere.com",
        ),
        600,
        lambda text: sse(
            type="content-delta", index=0, delta={"message": {"content": {"text": text}}}
        ),
    ),
    "grpc": Family(
        grok_calls.request(
            grok_calls.asked(limit=16_000, model="grok-2-vision-1212"), "GetCompletionChunk"
        ),
        10_000,
        lambda text: grok_calls.framed(grok_calls.chunk(text)),
        content_type="application/grpc",
    ),
}  # fmt: skip


def event(name: str, **fields) -> bytes:
    """One of Bedrock's."""
    return eventstream.message(name, json.dumps(fields).encode())


GOING_ON = {
    "converse": Family(
        post(
            "/model/anthropic.claude-3-haiku-20240307-v1:0/converse-stream",
            {
                "messages": [{"role": "user", "content": [{"text": "hello"}]}],
                "inferenceConfig": {"maxTokens": 4_000},
            },
            host="bedrock-runtime.us-east-1.amazonaws.com",
        ),
        1_250,
        lambda text: event("contentBlockDelta", contentBlockIndex=0, delta={"text": text}),
        ends=lambda made: event(
            "metadata",
            usage={"inputTokens": 8, "outputTokens": made, "totalTokens": 8 + made},
        ),
        content_type="application/vnd.amazon.eventstream",
    ),
    "groq": chat("api.groq.com", "llama-3.1-8b-instant", 80, base="/openai/v1"),
    "mistral": chat("api.mistral.ai", "mistral-small-latest", 600),
    "gemini": Family(
        post(
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            {
                "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
                "generationConfig": {
                    "maxOutputTokens": 60_000, "thinkingConfig": {"thinkingBudget": 0},
                },
            },
            host="generativelanguage.googleapis.com",
        ),
        2_500,
        lambda text: sse(candidates=[{"content": {"parts": [{"text": text}]}}], responseId="x-1"),
        ends=lambda made: sse(
            candidates=[{"finishReason": "STOP"}],
            usageMetadata={"promptTokenCount": 8, "candidatesTokenCount": made},
        ),
    ),
}  # fmt: skip


def streams(family: Family, there: Walk) -> CallInFlight:
    """One that has begun."""
    call = there.admit(family.request)
    assert isinstance(call, CallInFlight), call
    call.responded(200, {"content-type": family.content_type}, streams=True)
    call.feed(family.begins)
    return call


def cut(family: Family, *, mode: HoldMode, calls: int) -> tuple[Walk, CallInFlight, int]:
    """So many streams that go on until a cap cannot carry one, and what that one has written."""
    budget = Budget(name="small", cap=6_000 * family.token_nanos, hold=mode)
    there = walk("", budgets=(budget,), wait_seconds=0)
    going = [streams(family, there) for _ in range(calls)]
    for piece in range(1, PIECES_MAX):
        there.clock.forward(seconds=0.1)
        for call in going:
            call.feed(family.word(TEXT))
            if call.cut:
                return there, call, piece * TOKENS
    raise AssertionError("no stream was cut")


@pytest.mark.parametrize("name", STOPPING)
def test_a_cut_stream_of_a_vendor_that_stops_costs_what_was_made(name):
    """As its words are counted, which for a vocabulary that is not public may be too many."""
    family = STOPPING[name]
    _, call, made = cut(family, mode=HoldMode.SLICED, calls=2)
    call.feed(family.word(TEXT))  # on its way
    call.parted(stopped=True, round_trip=timedelta(0))
    call.finish()
    factor = WRITTEN_FACTOR if family.exact else TOKENIZER_FACTOR
    least = (made + TOKENS) * family.token_nanos
    most = factor * least + BESIDE * family.token_nanos + call.held.demand.fixed_nanos
    assert call.settlement.ending is Ending.ASSUMED
    assert least <= call.settlement.cost_nanos <= most


@pytest.mark.parametrize("name", GOING_ON)
def test_a_cut_stream_of_a_vendor_that_goes_on_costs_what_its_end_tells(name):
    """It writes, and bills, to the end, which is listened to; it has passed its limit to be cut."""
    family = GOING_ON[name]
    there, call, made = cut(family, mode=HoldMode.CEILING, calls=1)
    assert call.listens() > timedelta(0)
    call.feed(family.ends(made))
    assert call.is_over()
    call.finish()
    written = made * family.token_nanos
    assert written <= there.balance.spent <= written + 8 * family.token_nanos
