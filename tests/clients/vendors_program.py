"""
A user's program for the smaller providers: each argument names a package, which makes one call.

`package:stream` streams, where the package has a method of its own for that. Prints one JSON line
per call: the words that it got, or the exception that it met.
"""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

PROMPT = "Say something about the sea."
MESSAGES = [{"role": "user", "content": PROMPT}]


def mistralai() -> Any:
    """The package of https://pypi.org/project/mistralai."""
    from mistralai.client import Mistral  # noqa: PLC0415

    client = Mistral(api_key="fake")
    return client.chat.complete(model="mistral-small-latest", messages=MESSAGES, max_tokens=50)


def cohere() -> Any:
    """The package of https://pypi.org/project/cohere."""
    import cohere as package  # noqa: PLC0415

    client = package.ClientV2(api_key="fake")
    return client.chat(model="command-a-03-2025", messages=MESSAGES, max_tokens=50)


def groq() -> Any:
    """The package of https://pypi.org/project/groq."""
    import groq as package  # noqa: PLC0415

    client = package.Groq(api_key="fake")
    return client.chat.completions.create(model="llama-3.1-8b-instant", messages=MESSAGES)


def together() -> Any:
    """The package of https://pypi.org/project/together."""
    from together import Together  # noqa: PLC0415

    client = Together(api_key="fake")
    model = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    return client.chat.completions.create(model=model, messages=MESSAGES)


def huggingface_hub() -> Any:
    """The package of https://pypi.org/project/huggingface-hub."""
    from huggingface_hub import InferenceClient  # noqa: PLC0415

    # The package looks up which of the vendor's models it is; a full address spares that.
    client = InferenceClient(
        base_url="https://router.huggingface.co/groq/openai/v1", api_key="hf_fake"
    )
    return client.chat_completion(MESSAGES, model="openai/gpt-oss-20b", max_tokens=50)


def boto3() -> Any:
    """The package of https://pypi.org/project/boto3."""
    turn = [{"role": "user", "content": [{"text": PROMPT}]}]
    return _bedrock().converse(modelId="amazon.nova-lite-v1:0", messages=turn)


def boto3_stream() -> Any:
    """The same as an AWS event stream."""
    turn = [{"role": "user", "content": [{"text": PROMPT}]}]
    return _bedrock().converse_stream(modelId="amazon.nova-lite-v1:0", messages=turn)


def boto3_invoke() -> Any:
    """A model's own format."""
    body = {"inferenceConfig": {"max_new_tokens": 50}, "messages": []}
    return _bedrock().invoke_model(modelId="amazon.nova-lite-v1:0", body=json.dumps(body))


def _bedrock() -> Any:
    import boto3 as package  # noqa: PLC0415

    return package.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="AKIAFAKE",
        aws_secret_access_key="fake",
    )


def litellm() -> Any:
    """The package of https://pypi.org/project/litellm."""
    import litellm as package  # noqa: PLC0415

    package.suppress_debug_info = True
    return package.completion(
        model="deepseek/deepseek-chat", api_key="fake", messages=MESSAGES, max_tokens=50
    )


PACKAGES: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        mistralai, cohere, groq, together, huggingface_hub, boto3, boto3_stream, boto3_invoke,
        litellm,
    )
}  # fmt: skip


def main(names: Iterable[str]) -> None:
    """One call with each."""
    for name in names:
        try:
            PACKAGES[name]()
            report = {"package": name}
        except ModuleNotFoundError as error:
            report = {"package": name, "missing": str(error)}
        except Exception as error:  # noqa: BLE001 - it reports whatever it met
            bases = [base.__name__ for base in type(error).__mro__]
            report = {"package": name, "bases": bases, "message": str(error)}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
