"""What calls name in place of a model, through the real proxy: billed as the model told."""

import json

from fake_provider.process import ProviderHandle

from .conftest import Start
from .plainly import post

MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
MAKE = "https://bedrock.us-east-1.amazonaws.com/inference-profiles"
CALL = {
    "messages": [{"role": "user", "content": [{"text": "Tell me a story."}]}],
    "inferenceConfig": {"maxTokens": 200},
}


def test_a_profile_costs_what_the_model_does_that_it_was_made_of(
    start: Start, provider: ProviderHandle
) -> None:
    """Its name says nothing, and Bedrock's answer neither; a later proxy remembers it."""
    proxy = start(cap="0.01")
    status, told = post(proxy, MAKE, {"modelSource": {"copyFrom": MODEL}})
    assert status == 200
    arn = json.loads(told)["inferenceProfileArn"].replace(":", "%3A").replace("/", "%2F")
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{arn}/converse"
    assert post(proxy, url, CALL)[0] == 200
    later = start(cap="0.01")
    assert post(later, url, CALL)[0] == 200
    later.settle()
    assert later.spent_nanos() == provider.nanos() > 0


def test_a_profile_that_nobody_saw_made_is_held_at_the_dearest_model(
    start: Start, provider: ProviderHandle
) -> None:
    """A cent pays 200 tokens of the cheapest models, and not of the dearest."""
    proxy = start(cap="0.01")
    profile = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc"
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{profile}/converse"
    status, said = post(proxy, url, CALL)
    assert status == 400  # what boto3 does not try again
    assert "cap" in said
    assert provider.bill()["records"] == []
