"""Units that an answer does not count are held, and billed as told or as held."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.bounds.estimate import demand, sold
from llmcap.pricing import PriceBook, cost_usd
from llmcap.providers import match
from llmcap.providers.parts.shape import Request
from llmcap.words.records import Policy

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BOOK = PriceBook()
BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
PICTURE = {"type": "image_url", "image_url": "https://example.com/a.png"}


def asked(host, path, body, headers=()):
    """The endpoint of a request, and what it asks for as its price counts it."""
    provider, endpoint = match(host, "POST", path)
    request = Request(
        method="POST", host=host, path=path, headers=dict(headers), body=json.dumps(body).encode()
    )
    ask = endpoint.read(request)
    price = BOOK.find(provider.price_key, ask.model, NOW)
    assert price is not None, ask.model
    ask = sold(ask, price, looked=True)
    assert ask is not None
    return endpoint, ask, price


def billed(host, path, body, answer, *, head=(), headers=()):
    """Dollars of a whole answer."""
    endpoint, ask, price = asked(host, path, body, headers)
    reader = endpoint.reader(ask)
    reader.head(dict(head))
    reader.body(answer)
    reading = reader.reading()
    assert reading.complete
    return sum(cost_usd(charge.usage, price, charge.terms) for charge in reading.charges)


# --- rankings -------------------------------------------------------------------------------

RANKED = {"results": [{"index": 0, "relevance_score": 0.9}]}


@pytest.mark.parametrize(
    ("host", "path", "model", "each"),
    [
        (BEDROCK, "/model/cohere.rerank-v3-5%3A0/invoke", "", "0.002"),
        (BEDROCK, "/model/amazon.rerank-v1%3A0/invoke", "", "0.001"),
        ("x.services.ai.azure.com", "/v1/rerank", "cohere-rerank-v4.0-fast", "0.002"),
    ],
)
@pytest.mark.parametrize(("documents", "searches"), [(3, 1), (100, 1), (101, 2), (150, 2)])
def test_a_ranking_is_billed_by_its_searches(host, path, model, each, documents, searches):
    """One for each hundred documents, whatever the answer counts."""
    body = {"query": "which", "documents": ["a passage"] * documents}
    body |= {"model": model} if model else {}
    head = {"x-amzn-bedrock-input-token-count": "320", "x-amzn-bedrock-output-token-count": "0"}
    for told in ({}, head):
        assert billed(host, path, body, RANKED, head=told) == searches * Decimal(each)


def test_searches_that_are_told_are_billed_as_told():
    """A long document is held as several."""
    body = {"model": "cohere-rerank-v4.0-fast", "query": "q", "documents": ["x" * 90_000]}
    told = {**RANKED, "meta": {"billed_units": {"search_units": 1}}}
    assert billed("x.services.ai.azure.com", "/v1/rerank", body, told) == Decimal("0.002")


# --- pictures in embeddings -----------------------------------------------------------------

VOYAGE = ("api.voyageai.com", "/v1/multimodalembeddings")


def pixels(*parts):
    """A request of Voyage's for these parts."""
    return {"model": "voyage-multimodal-3.5", "inputs": [{"content": list(parts)}]}


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"text_tokens": 5, "image_pixels": 2_000_000, "total_tokens": 3576}, "0.0012006"),
        ({"text_tokens": 5, "video_pixels": 2_000_000, "total_tokens": 3576}, "0.0012006"),
        ({"text_tokens": 5, "image_pixels": 0, "total_tokens": 5}, "0.0000006"),
    ],
)
def test_pixels_are_billed_beside_the_tokens_of_texts(usage, usd):
    """The total, which has both as tokens, is not the bill."""
    answer = {"data": [], "model": "voyage-multimodal-3.5", "usage": usage}
    assert billed(*VOYAGE, pixels(PICTURE), answer) == Decimal(usd)


def test_pixels_that_are_not_told_are_those_that_were_held():
    """Two million at most, and the total in tokens."""
    answer = {"data": [], "usage": {"total_tokens": 100}}
    assert billed(*VOYAGE, pixels(PICTURE), answer) == Decimal("0.0012") + Decimal("0.000012")


@pytest.mark.parametrize("head", [{"x-amzn-bedrock-input-token-count": "4"}, {}])
def test_a_picture_that_bedrock_embeds_is_billed_by_itself(head):
    """Its answer counts the tokens of the text alone."""
    body = {"inputImage": "iVBORw0KGgoA" * 9, "inputText": "a cat"}
    answer = {"embedding": [0.1], "inputTextTokenCount": 4}
    path = "/model/amazon.titan-embed-image-v1/invoke"
    text = Decimal(4 * 8) / 10_000_000
    assert billed(BEDROCK, path, body, answer, head=head) == Decimal("0.00006") + text


# --- guardrails -----------------------------------------------------------------------------

CONVERSE = "/model/amazon.nova-micro-v1%3A0/converse"
GUARDED = {
    "messages": [{"role": "user", "content": [{"text": "hi"}]}],
    "inferenceConfig": {"maxTokens": 1000},
    "guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"},
}
USED = {"inputTokens": 1000, "outputTokens": 50, "totalTokens": 1050}
TOKENS = Decimal("0.000042")


def assessed(**units):
    """An assessment of one guardrail."""
    return {"g1": {"invocationMetrics": {"usage": units}}}


def conversed(text="x", **trace):
    """An answer of Converse."""
    message = {"role": "assistant", "content": [{"text": text}]}
    traced = {"trace": {"guardrail": trace}} if trace else {}
    return {"output": {"message": message}, "stopReason": "end_turn", "usage": USED, **traced}


def test_policy_units_of_prompt_and_answer_are_billed_as_told():
    """Each policy at its price; words and patterns are free."""
    answer = conversed(
        inputAssessment=assessed(topicPolicyUnits=10, wordPolicyUnits=5),
        outputAssessments={"g1": [assessed(contentPolicyUnits=10)["g1"]]},
    )
    assert billed(BEDROCK, CONVERSE, GUARDED, answer) == TOKENS + Decimal("0.003")


def test_policy_units_that_are_not_told_are_all_that_a_guardrail_may_have():
    """Of the prompt as held, of the answer as it was seen."""
    _, ask, price = asked(BEDROCK, CONVERSE, GUARDED)
    written = {unit: each * ask.output_limit for unit, each in ask.written_fees.items()}
    units = {unit: ask.fees[unit] + written.get(unit, 0) for unit in ask.fees}
    held = sum(Decimal(units[unit]) * price.rates[unit] / 1000 for unit in units)
    short = billed(BEDROCK, CONVERSE, GUARDED, conversed()) - TOKENS
    long = billed(BEDROCK, CONVERSE, GUARDED, conversed("y" * 4_000)) - TOKENS
    assert Decimal("0.0005") < short < long <= held


def guarded_demand(body=GUARDED, path=CONVERSE):
    """What a guarded call is held at, of which the guardrail's units alone."""
    _, ask, price = asked(BEDROCK, path, body)
    parts = demand(ask, [price], Policy(), family="aws-bedrock").parts
    return {part.what: part.nanos for part in parts}


def test_an_answer_of_the_longest_tokens_is_held_at_all_their_units():
    """A drawing is made of long tokens: a thousand of 128 spaces each are 128 units a policy."""
    answer = conversed(outputAssessments={"g1": [assessed(contentPolicyUnits=128)["g1"]]})
    units = (billed(BEDROCK, CONVERSE, GUARDED, answer) - TOKENS).scaleb(9)
    held = guarded_demand()
    assert units == 128 * 150_000
    assert held["units of the output"] >= units
    lower = guarded_demand({**GUARDED, "inferenceConfig": {"maxTokens": 100}})
    assert lower["units of the output"] == held["units of the output"] / 10


def test_policies_that_cannot_apply_hold_nothing():
    """No source to keep to, no grounding; no reasoning about what is streamed."""
    source = {"text": {"text": "Paris", "qualifiers": ["grounding_source"]}}
    messages = [{"role": "user", "content": [{"guardContent": source}]}]
    assert "guardrail_grounding" in guarded_demand({**GUARDED, "messages": messages})
    assert "guardrail_grounding" not in guarded_demand()
    assert "guardrail_reasoning" in guarded_demand()
    assert "guardrail_reasoning" not in guarded_demand(path=f"{CONVERSE}-stream")


def test_a_guardrail_in_the_head_of_an_invocation_is_held_and_told():
    """Its trace is in the body, under a name of Bedrock's."""
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []}
    headers = {"x-amzn-bedrock-guardrailidentifier": "g1"}
    path = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke"
    _, ask, price = asked(BEDROCK, path, body, headers)
    assert ask.fees["guardrail_content"] > 0
    answer = {
        "type": "message",
        "content": [{"type": "text", "text": "x"}],
        "usage": {"input_tokens": 1000, "output_tokens": 0},
        "amazon-bedrock-trace": {"guardrail": {"input": assessed(contentPolicyUnits=10)}},
    }
    tokens = price.rates["input"] / 1000
    found = billed(BEDROCK, path, body, answer, headers=headers)
    assert found == tokens + Decimal("0.0015")


def test_a_guardrail_by_itself_is_metered():
    """Its answer tells its units."""
    body = {"source": "INPUT", "content": [{"text": {"text": "a" * 2_500}}]}
    path = "/guardrail/g1/version/1/apply"
    _, ask, _ = asked(BEDROCK, path, body)
    assert ask.fees["guardrail_topic"] >= 3
    usage = {"topicPolicyUnits": 3, "contentPolicyUnits": 3, "contentPolicyImageUnits": 1}
    answer = {"usage": usage, "action": "NONE"}
    assert billed(BEDROCK, path, body, answer) == Decimal("0.00165")


# --- what is told elsewhere -----------------------------------------------------------------

ROUTED = ("openrouter.ai", "/api/v1/chat/completions")


@pytest.mark.parametrize(("told", "searches"), [({}, 3), ({"cost": 0.5}, None)])
def test_searches_of_a_plugin_are_those_that_were_held_where_no_bill_tells(told, searches):
    """The router's own bill has them in it."""
    plugin = {"id": "web", "engine": "exa", "max_results": 12}
    body = {"model": "openai/gpt-4o", "messages": [], "plugins": [plugin]}
    endpoint, ask, _ = asked(*ROUTED, body)
    reader = endpoint.reader(ask)
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, **told}
    reader.body({"model": "openai/gpt-4o", "choices": [], "usage": usage})
    reading = reader.reading()
    assert reading.charges[0].usage.extras.get("plugin_search") == searches
    assert (reading.billed_usd is None) == (searches is not None)


@pytest.mark.parametrize(
    ("head", "body", "terms"),
    [
        ({"x-amzn-bedrock-service-tier": "priority"}, {}, ("priority",)),
        (
            {"x-amzn-bedrock-service-tier": "priority"},
            {"serviceTier": {"type": "default"}},
            (),
        ),
        (
            {"x-amzn-bedrock-performanceconfig-latency": "optimized"},
            {"serviceTier": {"type": "flex"}},
            ("flex", "latency-optimized"),
        ),
    ],
)
def test_converse_tells_its_terms_in_head_or_body(head, body, terms):
    """The body is nearer to the bill."""
    endpoint, ask, _ = asked(BEDROCK, CONVERSE, {"messages": []})
    reader = endpoint.reader(ask)
    reader.head(head)
    reader.body({**conversed(), **body})
    assert reader.reading().charges[0].terms == (*terms, "geo-us-east-1")


VERTEX = (
    "us-central1-aiplatform.googleapis.com",
    "/v1/projects/p/locations/us-central1/publishers/google/models/multimodalembedding@001:predict",
)


@pytest.mark.parametrize(
    ("instance", "usd"),
    [
        ({"image": {"bytesBase64Encoded": "iVBORw0KGgoA" * 9}}, "0.0001"),
        ({"text": "a" * 1_000}, "0.0002"),
        ({"text": "a" * 1_000, "image": {"gcsUri": "gs://b/a.png"}}, "0.0003"),
    ],
)
def test_vertex_bills_pictures_and_characters_that_no_answer_counts(instance, usd):
    """As they were sent."""
    answer = {"predictions": [{"imageEmbedding": [0.1], "textEmbedding": [0.1]}]}
    assert billed(*VERTEX, {"instances": [instance]}, answer) == Decimal(usd)


# --- searches of xAI ------------------------------------------------------------------------

LIVE = {
    "model": "grok-4.3",
    "messages": [],
    "search_parameters": {"mode": "on", "max_search_results": 7},
}


@pytest.mark.parametrize(
    ("told", "sources"),
    [
        ({"num_sources_used": 3}, 3),
        ({"num_sources_used": 0}, 0),
        ({"server_side_tool_usage_details": {"web_search_calls": 5}}, 1),
        ({}, 7),
    ],
)
def test_sources_of_a_live_search_are_billed_as_counted_or_as_held(told, sources):
    """At 25 dollars for a thousand: https://docs.x.ai/docs/guides/live-search."""
    usage = {"prompt_tokens": 1_000, "completion_tokens": 0, "total_tokens": 1_000, **told}
    answer = {"id": "1", "choices": [], "usage": usage}
    usd = billed("api.x.ai", "/v1/chat/completions", LIVE, answer)
    assert usd == Decimal("0.00125") + sources * Decimal("0.025")


# --- Google's other searches ----------------------------------------------------------------

GROUNDED = {
    "candidates": [
        {
            "content": {"parts": [{"text": "x"}]},
            "finishReason": "STOP",
            "groundingMetadata": {
                "webSearchQueries": ["a", "b"],
                "groundingChunks": [{"retrievedContext": {"uri": "x"}}],
            },
        }
    ],
    "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 1, "totalTokenCount": 1},
}


@pytest.mark.parametrize(
    ("model", "tool", "held", "usd"),
    [
        ("gemini-2.5-flash", {"enterpriseWebSearch": {}}, {"enterprise_search": 1}, "0.045"),
        ("gemini-3.5-flash", {"enterprise_web_search": {}}, {"enterprise_search": 10}, "0.09"),
        ("gemini-2.5-flash", {"retrieval": {"vertexAiSearch": {}}}, {"own_search": 1}, "0.0375"),
    ],
)
def test_searches_for_enterprises_and_in_ones_own_data_have_fees(model, tool, held, usd):
    """https://cloud.google.com/vertex-ai/generative-ai/pricing, "Grounding"; as they are shown."""
    path = f"/v1/projects/p/locations/global/publishers/google/models/{model}:generateContent"
    body = {"contents": [], "tools": [tool]}
    host = "aiplatform.googleapis.com"
    assert asked(host, path, body)[1].fees == held
    assert int(billed(host, path, body, GROUNDED) * 10_000) == int(Decimal(usd) * 10_000)
