"""Names are those of OpenTelemetry's own list, and what nobody knows is not told as nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from books import NOON, call, settled
from opentelemetry.semconv._incubating.attributes import error_attributes as errors
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as listed
from opentelemetry.semconv._incubating.attributes import server_attributes as servers
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics as metrics

from llmcap.providers import PROVIDERS
from llmcap.telemetry import conventions
from llmcap.telemetry.conventions import Done, common, of_span, operation_of, tokens_of
from llmcap.words.records import Ending

NAMES = {
    value
    for module in (listed, errors, servers)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
OURS = {"llmcap.assumed"}
PROPOSED = {"gen_ai.usage.cost.amount", "gen_ai.usage.cost.currency", "gen_ai.usage.cost.source"}


def done(**changes) -> Done:
    """A call of two seconds that was settled."""
    its = call(at=NOON, host="api.openai.com", session="s-1")
    end = settled(1_250_000, tokens=50)
    usage = replace(end.usage, input_tokens=40, output_tokens=10, cache_read=30, cache_write_5m=5,
                    reasoning=4)  # fmt: skip
    end = replace(end, usage=usage, model="gpt-5-2026", response_id="r-1")
    return replace(Done(its, NOON + timedelta(seconds=2), end), **changes)


def test_every_name_is_on_the_list() -> None:
    """But for one of ours, and for costs, which are told only where they are wanted."""
    _, plain = of_span(done(), cost=False)
    _, priced = of_span(done(), cost=True)
    assert plain.keys() - NAMES <= OURS
    assert priced.keys() - plain.keys() == PROPOSED
    assert priced["gen_ai.usage.cost.amount"] == 0.00125
    assert conventions.TOKEN_USAGE == metrics.GEN_AI_CLIENT_TOKEN_USAGE
    assert conventions.DURATION == metrics.GEN_AI_CLIENT_OPERATION_DURATION


def test_a_span_says_what_a_call_was_and_used() -> None:
    """Whatever of it is known."""
    name, told = of_span(done(), cost=False)
    assert name == f"chat {done().call.model}"
    assert told["gen_ai.usage.input_tokens"] == 40
    assert told["gen_ai.usage.cache_read.input_tokens"] == 30
    assert told["gen_ai.usage.cache_creation.input_tokens"] == 5
    assert told["gen_ai.usage.reasoning.output_tokens"] == 4
    assert told["gen_ai.response.model"] == "gpt-5-2026"
    assert told["gen_ai.conversation.id"] == "s-1"
    assert told["server.address"] == "api.openai.com"
    assert "error.type" not in told
    assert tokens_of(done()) == {"input": 40, "output": 10}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"settlement": None, "reason": "cap_reached"}, "cap_reached"),
        ({"settlement": replace(settled(0), ending=Ending.RELEASED)}, "not_served"),
    ],
)
def test_a_call_that_was_not_served_is_an_error_without_tokens(changes, error) -> None:
    """The model of a refused one can be any text, which is no label of a metric."""
    failed = done(**changes)
    assert common(failed)["error.type"] == error
    assert tokens_of(failed) == {}
    assert "gen_ai.usage.input_tokens" not in of_span(failed, cost=True)[1]
    assert ("gen_ai.request.model" in common(failed)) == (failed.settlement is not None)


def test_providers_have_their_names_on_the_list() -> None:
    """Ours are providers of the table, theirs are values that the conventions have."""
    theirs = {each.value for each in listed.GenAiProviderNameValues}
    assert set(conventions.PROVIDERS.values()) <= theirs
    assert conventions.PROVIDERS.keys() <= {provider.name for provider in PROVIDERS}


@pytest.mark.parametrize(
    ("endpoint", "operation"),
    [
        ("chat completions", "chat"),
        ("chat/completions", "chat"),
        ("completions", "text_completion"),
        ("messages", "chat"),
        ("responses", "chat"),
        ("converse-stream", "chat"),
        ("generateContent", "generate_content"),
        ("batchGenerateContent", "generate_content"),
        ("asyncBatchEmbedContent", "embeddings"),
        ("embeddings", "embeddings"),
        ("images", "images"),
    ],
)
def test_operations_have_the_names_of_the_conventions(endpoint, operation) -> None:
    """One that they do not name keeps its own."""
    assert operation_of(endpoint) == operation
