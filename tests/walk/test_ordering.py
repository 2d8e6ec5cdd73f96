"""Promise: what a call names in place of a model costs what its models cost, or the dearest."""

import json

import pytest
from ordering import answered
from walk import Walk, post, walk

from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.shared.state import HIDDEN
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.deferred import Deferred
from llmcap.walk.flight import CallInFlight

OPENAI, MISTRAL, AZURE = "api.openai.com", "api.mistral.ai", "r.services.ai.azure.com"
CONTROL = "bedrock.us-east-1.amazonaws.com"
RUNTIME = "bedrock-runtime.us-east-1.amazonaws.com"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
ROUTER = "arn:aws:bedrock:us-east-1:123456789012:prompt-router/r1"
NOVA = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"
SONNET = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0"
SAY = [{"role": "user", "content": "hello"}]


def converse(arn: str) -> Request:
    """A call through a profile or a router, its name encoded as clients do."""
    path = f"/model/{arn.replace(':', '%3A').replace('/', '%2F')}/converse"
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    return post(path, body | {"inferenceConfig": {"maxTokens": 100}}, host=RUNTIME)


def shown(there: Walk, request: Request, told: dict, *, status: int = 200) -> None:
    """A request that makes or shows something, and the provider's answer."""
    watched = there.firewall.consider(request, Facts())
    assert isinstance(watched, Deferred), watched
    answered(watched, told, status=status)


RUN = post("/v1/threads/t/runs", {"assistant_id": "asst_1"}, host=OPENAI)
AGENT = post(
    "/v1/agents/completions", {"agent_id": "ag_1", "messages": SAY, "max_tokens": 9}, host=MISTRAL
)
TALK = post("/v1/conversations", {"agent_id": "ag_1", "inputs": "hello"}, host=MISTRAL)
FOUNDRY_RUN = post("/api/projects/p/threads/t/runs", {"assistant_id": "asst_1"}, host=AZURE)
FOUNDRY = post(
    "/api/projects/p/openai/v1/responses",
    {"input": "hi", "agent": {"type": "agent_reference", "name": "clerk"}, "max_output_tokens": 99},
    host=AZURE,
)
MINI = {"model": "gpt-4o-mini", "tools": []}

# What is asked and answered first, the call, and the model that it then has.
TOLD = {
    "an assistant that is made": (
        post("/v1/assistants", MINI, host=OPENAI), {"id": "asst_1", **MINI}, RUN, "gpt-4o-mini",
    ),
    "an assistant that is looked at": (
        Request(method="GET", host=OPENAI, path="/v1/assistants/asst_1"),
        {"id": "asst_1", **MINI}, RUN, "gpt-4o-mini",
    ),
    "an assistant in a list": (
        Request(method="GET", host=OPENAI, path="/v1/assistants"),
        {"data": [{"id": "asst_0", "model": "o1-pro"}, {"id": "asst_1", **MINI}]}, RUN,
        "gpt-4o-mini",
    ),
    "an agent of Mistral": (
        post("/v1/agents", {"model": "mistral-small-latest"}, host=MISTRAL),
        {"id": "ag_1", "model": "mistral-small-latest"}, AGENT, "mistral-small-latest",
    ),
    "a talk with an agent of Mistral": (
        post("/v1/agents", {"model": "mistral-small-latest"}, host=MISTRAL),
        {"id": "ag_1", "model": "mistral-small-latest"}, TALK, "mistral-small-latest",
    ),
    "an agent of Foundry's older kind": (
        post("/api/projects/p/assistants", MINI, host=AZURE), {"id": "asst_1", **MINI},
        FOUNDRY_RUN, "gpt-4o-mini",
    ),
    "an agent of Foundry": (
        post("/api/projects/p/agents/clerk/versions", {"definition": MINI}, host=AZURE),
        {"name": "clerk", "version": "1", "definition": MINI}, FOUNDRY, "gpt-4o-mini",
    ),
    "a profile that is made of a model": (
        post("/inference-profiles", {"modelSource": {"copyFrom": NOVA}}, host=CONTROL),
        {"inferenceProfileArn": ARN, "status": "ACTIVE"}, converse(ARN), NOVA,
    ),
    "a profile that is looked at": (
        Request(method="GET", host=CONTROL, path="/inference-profiles/abc123"),
        {"inferenceProfileArn": ARN, "models": [{"modelArn": NOVA}, {"modelArn": NOVA}]},
        converse(ARN), NOVA,
    ),
    "a profile in a list": (
        Request(method="GET", host=CONTROL, path="/inference-profiles"),
        {
            "inferenceProfileSummaries": [
                {"inferenceProfileArn": ARN, "models": [{"modelArn": NOVA}]},
                {"inferenceProfileArn": "arn:aws:bedrock::1:inference-profile/us.x", "models": []},
            ],
        },
        converse(ARN), NOVA,
    ),
    "a router, which is held at its dearest": (
        post(
            "/prompt-routers",
            {"models": [{"modelArn": NOVA}], "fallbackModel": {"modelArn": SONNET}}, host=CONTROL,
        ),
        {"promptRouterArn": ROUTER}, converse(ROUTER), SONNET,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_the_model_is_known_from_the_making_or_the_showing(name):
    """The call is held at its price; a proxy that was started later knows it too."""
    showing, answer, call, model = TOLD[name]
    there = walk("1000")
    before = there.firewall.consider(call, Facts())
    shown(there, showing, answer)
    found = there.firewall.consider(call, Facts())
    assert isinstance(found, Admission)
    assert found.ask.model == model
    if isinstance(before, Admission):
        assert before.ask.model == f"{HIDDEN}{before.ask.made}"
        assert before.demand.fixed_nanos > found.demand.fixed_nanos
    later = walk("1000", ledger=there.firewall.shared.ledger)
    assert later.firewall.consider(call, Facts()).ask.model == model


@pytest.mark.parametrize("call", [RUN, AGENT, converse(ARN), converse(ROUTER)])
def test_what_was_never_seen_is_the_dearest_that_there_is(call):
    """Held, and where the answer names no model, billed."""
    found = walk("1000000").firewall.consider(call, Facts())
    assert found.ask.model.startswith(HIDDEN)
    (price,) = found.prices
    assert price.source.startswith("dearest of")


def test_the_config_may_price_a_thing_by_its_name():
    """In place of guessing."""
    there = walk("1")
    prices = PriceBook(overrides={f"aws-bedrock/{ARN}": {"input": 1, "output": 2}})
    there.firewall.adopt(there.firewall.shared.policy, prices)
    found = there.firewall.consider(converse(ARN), Facts())
    assert found.ask.model == ARN
    assert found.prices[0].rates["output"] == 2


def test_a_call_through_a_profile_is_billed_as_its_model():
    """Bedrock's answer names none."""
    there = walk("1")
    shown(there, TOLD["a profile that is looked at"][0], TOLD["a profile that is looked at"][1])
    call = there.admit(converse(ARN))
    assert isinstance(call, CallInFlight)
    answered(call, {"output": {}, "usage": {"inputTokens": 1000, "outputTokens": 100}})
    assert there.balance.spent == 1_000 * 35 + 100 * 140  # $0.035 and $0.14 a million


def test_a_router_tells_which_model_it_chose():
    """And that one is billed."""
    there = walk("1")
    shown(there, *TOLD["a router, which is held at its dearest"][:2])
    call = there.admit(converse(ROUTER))
    usage = {"inputTokens": 1000, "outputTokens": 100}
    answered(
        call, {"output": {}, "usage": usage, "trace": {"promptRouter": {"invokedModelId": NOVA}}}
    )
    assert there.balance.spent == 1_000 * 35 + 100 * 140


def test_tools_of_an_assistant_are_held_and_those_that_it_has_not_are_free():
    """A run that names no tools has the assistant's."""
    there = walk("100000")
    fees = lambda: there.firewall.consider(RUN, Facts()).ask.fees  # noqa: E731
    assert set(fees()) == {"file_search", "code_interpreter"}
    made = {"id": "asst_1", "model": "gpt-4o-mini", "tools": [{"type": "file_search"}]}
    shown(there, post("/v1/assistants", made, host=OPENAI), made)
    assert set(fees()) == {"file_search"}
    shown(there, post("/v1/assistants/asst_1", {"tools": []}, host=OPENAI), made | {"tools": []})
    assert not fees()
    own = post("/v1/threads/t/runs", {"assistant_id": "asst_1", "tools": []}, host=OPENAI)
    assert not walk("100000").firewall.consider(own, Facts()).ask.fees


def test_a_talk_goes_on_with_the_model_that_it_had():
    """Its id is all that the next turn says."""
    there = walk("1")
    first = there.admit(
        post("/v1/conversations", {"model": "mistral-small-latest", "inputs": "hi"}, host=MISTRAL)
    )
    answered(first, {
        "conversation_id": "conv_1", "outputs": [{"model": "mistral-small-latest", "content": "x"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    })  # fmt: skip
    found = there.firewall.consider(
        post("/v1/conversations/conv_1", {"inputs": "y"}, host=MISTRAL), Facts()
    )
    assert isinstance(found, Admission)
    assert found.ask.model == "mistral-small-latest"
    unknown = post("/v1/conversations/conv_2", {"inputs": "y"}, host=MISTRAL)
    assert isinstance(there.admit(unknown), Refused)


def test_an_answer_that_failed_tells_nothing():
    """Nor does one that is not JSON."""
    there = walk("1000000")
    showing, answer, call, _ = TOLD["an assistant that is made"]
    shown(there, showing, answer, status=400)
    assert there.firewall.consider(call, Facts()).ask.model.startswith(HIDDEN)


def test_what_is_kept_of_a_thing_is_its_models_and_tools():
    """No name, no instructions."""
    there = walk("1")
    told = {"id": "asst_1", "model": "gpt-4o-mini", "name": "Secret", "instructions": "Secret"}
    shown(there, post("/v1/assistants", told, host=OPENAI), told)
    kept = there.firewall.shared.ledger.file("openai", "made/asst_1")
    assert json.loads(kept) == {"models": ["gpt-4o-mini"], "tools": []}
