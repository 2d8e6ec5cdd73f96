"""Promise: a cloud's models are metered in its own shapes, by the larger of what it counts."""

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from exchanging import answer, ask, endpoint_of

from llmcap.pricing import PriceBook
from llmcap.providers import match, provider_of
from llmcap.providers.bedrock.hosts import hosts_of, region_terms
from llmcap.providers.bedrock.provider import signed
from llmcap.providers.parts.shape import Billing

BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"
CLAUDE = f"{BEDROCK}/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0"
NOVA = f"{BEDROCK}/model/amazon.nova-lite-v1%3A0"
VERTEX = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"
AZURE = "https://ours.openai.azure.com/openai"
NOW = datetime(2026, 11, 20, tzinfo=UTC)

MESSAGES = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "hi"}],
}
TURN = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def frame(name: str, payload: Mapping[str, Any], *, exception: bool = False) -> bytes:
    """One message of an AWS event stream."""
    kind = ":exception-type" if exception else ":event-type"
    encoded = bytes([len(kind)]) + kind.encode() + b"\x07" + struct.pack(">H", len(name))
    encoded += name.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(encoded) + len(body), len(encoded))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + body
    return message + struct.pack(">I", zlib.crc32(message))


def chunk(native: Mapping[str, Any]) -> bytes:
    """A vendor's own event, as InvokeModel's stream wraps it."""
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(native).encode()).decode()})


def framed(url: str, asked: Mapping[str, Any], *frames: bytes):
    """What an AWS event stream means."""
    return answer(
        url, asked, b"".join(frames), content_type="application/vnd.amazon.eventstream"
    )  # fmt: skip


# --- Bedrock --------------------------------------------------------------------------------


def test_converse_counts_the_cache_beside_the_input():
    """What was read is the sum; writes with a lifetime of an hour are told apart."""
    usage = {
        "inputTokens": 10, "outputTokens": 4, "totalTokens": 7_375,
        "cacheReadInputTokens": 10, "cacheWriteInputTokens": 7_351,
        "cacheDetails": [{"inputTokens": 7_000, "ttl": "1h"}, {"inputTokens": 351, "ttl": "5m"}],
    }  # fmt: skip
    told = {"usage": usage, "serviceTier": {"type": "flex"}}
    (charge,) = answer(f"{CLAUDE}/converse", TURN, told).charges
    assert charge.model == "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert charge.usage.input_tokens == 7_371
    assert (charge.usage.cache_write_5m, charge.usage.cache_write_1h) == (351, 7_000)
    assert charge.terms == ("flex", "geo-us-east-1")


@pytest.mark.parametrize(
    ("usage", "written"),
    [
        ({"inputTokens": 5, "outputTokens": 2, "totalTokens": 17}, 12),
        ({"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}, 2),
        ({"inputTokens": 1, "cacheReadInputTokens": 4, "outputTokens": 2, "totalTokens": 3}, 2),
    ],
)
def test_what_only_the_total_of_converse_has_is_output(usage, written):
    """A total without what the cache gave has nothing more to tell."""
    (charge,) = answer(f"{NOVA}/converse", TURN, {"usage": usage}).charges
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (5, written)


def test_a_stream_of_converse_ends_with_its_usage():
    """In the metadata; text before it is seen, an exception fails."""
    text = frame("contentBlockDelta", {"delta": {"text": "Hello"}, "contentBlockIndex": 0})
    metadata = frame("metadata", {"usage": {"inputTokens": 5, "outputTokens": 2}})
    whole = framed(f"{NOVA}/converse-stream", TURN, text, metadata)
    assert whole.complete
    assert whole.visible_bytes == 5
    assert whole.charges[0].usage.output_tokens == 2
    broken = framed(
        f"{NOVA}/converse-stream",
        TURN,
        text,
        frame("throttlingException", {"message": "slow"}, exception=True),
    )
    assert (broken.complete, broken.error) == (False, "throttlingException")


NATIVE = [
    ("amazon.nova-lite-v1%3A0", {"usage": {"inputTokens": 7, "outputTokens": 3}}),
    ("amazon.titan-text-lite-v1", {"inputTextTokenCount": 7, "results": [{"tokenCount": 3}]}),
    ("meta.llama3-8b-instruct-v1%3A0", {"prompt_token_count": 7, "generation_token_count": 3}),
    ("ai21.jamba-1-5-mini-v1%3A0", {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}),
    ("ai21.j2-mid-v1",
     {"prompt": {"tokens": [{}] * 7}, "completions": [{"data": {"tokens": [{}] * 3}}]}),
    ("cohere.command-r-v1%3A0",
     {"meta": {"billed_units": {"input_tokens": 7, "output_tokens": 3}}}),
    ("anthropic.claude-v2", {"type": "message", "usage": {"input_tokens": 7, "output_tokens": 3}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "told"), NATIVE, ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_vendors_usage_is_read(model, told):
    """By the shape of the answer, not by the name of the model."""
    asked = {"prompt": "hi", "max_tokens": 50}
    (charge,) = answer(f"{BEDROCK}/model/{model}/invoke", asked, told).charges
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (7, 3)


def test_headers_are_the_usage_of_a_conversation_too_where_its_body_has_none():
    """Whatever a seller in between leaves out."""
    told = {"x-amzn-bedrock-input-token-count": "9", "x-amzn-bedrock-output-token-count": "4"}
    reading = answer(f"{NOVA}/converse", TURN, {"output": {}}, headers=told)
    assert reading.complete
    (charge,) = reading.charges
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (9, 4)


def test_headers_are_the_usage_where_the_body_has_none():
    """Mistral's and Cohere's older models tell nothing themselves."""
    headers = {
        "x-amzn-bedrock-input-token-count": "120", "x-amzn-bedrock-output-token-count": "30",
    }  # fmt: skip
    url = f"{BEDROCK}/model/mistral.mistral-large-2402-v1%3A0/invoke"
    reading = answer(url, {"prompt": "hi"}, {"outputs": [{"text": "hi"}]}, headers=headers)
    assert reading.complete
    assert reading.charges[0].usage.input_tokens == 120
    assert reading.charges[0].usage.output_tokens == 30


@pytest.mark.parametrize(("vendor", "aws"), [((98, 20), (130, 10)), ((130, 10), (98, 20))])
def test_of_two_counts_the_larger_is_billed(vendor, aws):
    """Of each kind: nobody says which of them Bedrock bills."""
    usage = {"input_tokens": vendor[0], "output_tokens": vendor[1]}
    metrics = {"inputTokenCount": aws[0], "outputTokenCount": aws[1]}
    reading = framed(
        f"{CLAUDE}/invoke-with-response-stream",
        MESSAGES,
        chunk({"type": "message_start", "message": {"id": "m", "model": "c", "usage": usage}}),
        chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
        chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}),
    )
    assert reading.complete
    (charge,) = reading.charges
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (130, 20)


def test_a_stream_of_invoke_that_breaks_off_is_not_complete():
    """Its input is known, its output was only begun."""
    usage = {"input_tokens": 98, "output_tokens": 1}
    start = chunk({"type": "message_start", "message": {"model": "c", "usage": usage}})
    text = chunk({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "abc"}})
    reading = framed(f"{CLAUDE}/invoke-with-response-stream", MESSAGES, start, text)
    assert not reading.complete
    assert reading.visible_bytes == 3


@pytest.mark.parametrize(
    ("model", "body", "limit"),
    [
        ("mistral.mistral-large-2407-v1%3A0", {"max_tokens": 5}, 5),
        ("meta.llama3-70b-instruct-v1%3A0", {"prompt": "", "max_gen_len": 6}, 6),
        ("amazon.nova-lite-v1%3A0", {"inferenceConfig": {"max_new_tokens": 7}}, 7),
        ("amazon.titan-text-express-v1", {"textGenerationConfig": {"maxTokenCount": 8}}, 8),
        ("amazon.nova-lite-v1%3A0", {"messages": []}, None),
    ],
)
def test_the_limit_of_invoke_is_read_and_set_where_the_vendor_has_it(model, body, limit):
    """By the model in the path: each vendor's has a name and a place of its own."""
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/invoke"
    assert ask(url, body).output_limit == limit
    _, endpoint = endpoint_of(url)
    assert ask(url, endpoint.limit(body, 3)).output_limit == 3


def test_a_model_that_nobody_knows_cannot_be_limited():
    """What its vendor obeys is not known."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/else.model-v1%3A0/invoke"
    _, endpoint = endpoint_of(url)
    assert endpoint.limit({"max_tokens": 5}, 3) is None


def test_converse_is_limited_unless_thinking_needs_more():
    """The budget of its thinking is inside of the limit."""
    _, endpoint = endpoint_of(f"{NOVA}/converse")
    assert endpoint.limit(TURN, 300)["inferenceConfig"] == {"maxTokens": 300}
    thinking = {"additionalModelRequestFields": {"thinking": {"budget_tokens": 1024}}}
    assert endpoint.limit({**TURN, **thinking}, 300) is None


def test_the_model_is_what_the_path_says_arn_or_not():
    """Percent-encoded or with its slashes."""
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-micro-v1:0"
    encoded = arn.replace(":", "%3A").replace("/", "%2F")
    for path in (f"/model/{arn}/converse", f"/model/{encoded}/converse"):
        assert ask(f"{BEDROCK}{path}", TURN).model == arn
    assert PriceBook().find("aws-bedrock", arn, NOW) is not None


def test_a_signature_is_seen_and_a_bearer_token_is_none():
    """Only what is signed may not be changed."""
    assert signed({"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261120/us-east-1/bedrock"})
    assert not signed({"authorization": "Bearer bedrock-api-key"})
    assert not signed({})


@pytest.mark.parametrize(
    ("path", "billing"),
    [
        ("/model/m/count-tokens", Billing.FREE),
        ("/model/m/invoke-with-bidirectional-stream", Billing.UNMETERABLE),
        ("/async-invoke", Billing.UNMETERABLE),
        ("/guardrail/g/version/1/apply", Billing.METERED),
        ("/openai/v1/chat/completions", Billing.METERED),
    ],
)
def test_other_paths_of_bedrock(path, billing):
    """What runs on, and what only counts."""
    assert endpoint_of(f"{BEDROCK}{path}")[1].billing is billing


def test_an_unknown_operation_of_a_model_is_unknown():
    """It might be billed."""
    assert match("bedrock-runtime.us-east-1.amazonaws.com", "POST", "/model/m/dream")[1] is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "aws-bedrock"),
        ("vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "aws-bedrock"),
        ("bedrock-agent-runtime.us-east-1.amazonaws.com", "aws-bedrock-agents"),
        ("aws-external-anthropic.us-east-1.api.aws", "anthropic-aws"),
        ("aiplatform.eu.rep.googleapis.com", "google-vertex"),
        ("claude.googleapis.com", "anthropic-google"),
        ("s3.us-east-1.amazonaws.com", None),
        ("storage.googleapis.com", None),
    ],
)
def test_hosts_of_clouds_are_told_apart(host, name):
    """Their other services are nobody's business."""
    found = provider_of(host)
    assert (found and found.name) == name


# --- Vertex ---------------------------------------------------------------------------------


def test_a_region_of_vertex_is_a_term_of_the_price():
    """In what may be held and in what is billed; the global endpoint has none."""
    url = f"{VERTEX}/publishers/google/models/gemini-2.5-flash:generateContent"
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}
    told = {"modelVersion": "gemini-2.5-flash", "usageMetadata": usage}
    asked = {"contents": [{"parts": [{"text": "hi"}]}]}
    assert ask(url, asked).terms == ("geo-regional",)
    assert answer(url, asked, told).charges[0].terms == ("geo-regional",)
    everywhere = url.replace("us-east5-", "").replace("us-east5", "global")
    assert answer(everywhere, asked, told).charges[0].terms == ()


def test_anthropics_models_on_vertex_are_named_by_the_path():
    """The body has everything else."""
    url = f"{VERTEX}/publishers/anthropic/models/claude-3-7-sonnet@20250219:streamRawPredict"
    asks = ask(url, {**MESSAGES, "anthropic_version": "vertex-2023-10-16"})
    assert (asks.model, asks.stream, asks.output_limit) == ("claude-3-7-sonnet@20250219", True, 500)
    counting = f"{VERTEX}/publishers/anthropic/models/count-tokens:rawPredict"
    assert endpoint_of(counting)[1].billing is Billing.FREE


def test_predictions_are_billed_by_tokens_or_images():
    """As the model is one or the other."""
    embed = f"{VERTEX}/publishers/google/models/text-embedding-005:predict"
    statistics = {"embeddings": {"statistics": {"token_count": 6}}}
    asked = {"instances": [{"content": "a"}, {"content": "b"}]}
    reading = answer(embed, asked, {"predictions": [statistics, statistics]})
    assert reading.charges[0].usage.input_tokens == 12
    draw = f"{VERTEX}/publishers/google/models/imagen-4.0-generate-001:predict"
    asked = {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 2}}
    assert ask(draw, asked).fees == {"image": 2}
    assert answer(draw, asked, {"predictions": [{}, {}]}).charges[0].usage.extras == {"image": 2}


@pytest.mark.parametrize(
    "path",
    [
        "/publishers/google/models/gemini-9:dreamContent",
        "/endpoints/123:predict",
        "/batchPredictionJobs",
        "/reasoningEngines/1:query",
    ],
)
def test_what_runs_on_at_vertex_is_out_of_sight(path):
    """Batches, machines by the hour."""
    assert endpoint_of(f"{VERTEX}{path}")[1].billing is Billing.UNMETERABLE


# --- Azure ----------------------------------------------------------------------------------


def test_a_deployment_is_the_model_until_the_answer_names_it():
    """The body's own name is not what Azure goes by."""
    url = f"{AZURE}/deployments/ours/chat/completions?api-version=2024-10-21"
    asked = {"model": "gpt-4o", "messages": []}
    assert ask(url, asked).model == "ours"
    told = {"model": "gpt-4o-2024-11-20", "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    (charge,) = answer(url, asked, told).charges
    assert charge.model == "gpt-4o-2024-11-20"


def test_more_cached_than_read_is_not_believed():
    """Grok on Azure says 161 of 10: the ten are billed, in full."""
    url = "https://ours.services.ai.azure.com/models/chat/completions"
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 161},
    }
    (charge,) = answer(url, {"model": "grok-4-1-fast"}, {"model": "m", "usage": usage}).charges
    assert charge.usage.input_tokens == 10


@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-5-nano", "max_completion_tokens"), ("grok-4", "max_tokens"), ("Phi-4", "max_tokens")],
)
def test_a_limit_has_the_name_that_the_model_takes(model, name):
    """On Foundry, where models of many vendors have one path."""
    _, endpoint = endpoint_of("https://ours.services.ai.azure.com/models/chat/completions")
    assert endpoint.limit({"model": model}, 100) == {"model": model, name: 100}


# --- data platforms -------------------------------------------------------------------------


def test_a_serving_endpoint_is_priced_by_its_own_name():
    """What serves it is another cloud's model."""
    url = (
        "https://adb-1.azuredatabricks.net/serving-endpoints/databricks-claude-opus-4-5/invocations"
    )
    told = {"model": "us.anthropic.claude", "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    (charge,) = answer(url, {"messages": []}, told).charges
    assert charge.model == "databricks-claude-opus-4-5"
    assert match("adb-1.azuredatabricks.net", "POST", "/api/2.0/jobs/run")[1] is None
    assert not provider_of("adb-1.azuredatabricks.net").api_only


def test_watsonx_generates_with_a_default_limit():
    """Two hundred tokens where a request says nothing; a stream tells what it has so far."""
    url = "https://us-south.ml.cloud.ibm.com/ml/v1/text/generation_stream?version=2024-05-31"
    asked = {"model_id": "ibm/granite-13b", "input": "hi"}
    assert ask(url, asked).output_limit == 200
    pieces = [
        {"results": [{"generated_text": "a", "generated_token_count": 1, "input_token_count": 9}]},
        {
            "results": [
                {"generated_text": "b", "generated_token_count": 2, "stop_reason": "eos_token"}
            ]
        },
    ]
    wire = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces)
    reading = answer(url, asked, wire, content_type="text/event-stream")
    assert reading.complete
    assert (reading.charges[0].usage.input_tokens, reading.charges[0].usage.output_tokens) == (9, 2)


@pytest.mark.parametrize("host", hosts_of("bedrock-runtime", "bedrock-mantle"))
def test_every_host_of_a_model_of_amazons_is_in_a_region(host):
    """Whatever its domain is: of a partition, for IPv6, certified, in a network of one's own."""
    place = host.removeprefix("*.").replace("*", "sa-east-1")
    for each in (place, f"vpce-1-2.{place}", place.upper()):
        assert region_terms(each) == ("geo-sa-east-1",)
    found = match(host.replace("*", "sa-east-1"), "POST", "/model/m/converse")
    assert found is not None
    assert found[1] is not None
