"""
A user's program for the smaller providers: each argument names a package, which makes one call.

Prints one JSON line per call: how many words it got, or the exception that it met.
"""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

import patience

PROMPT = "Say something about the sea."
MESSAGES = [{"role": "user", "content": PROMPT}]

# What each package calls the text of an answer, or of an event of a stream.
Texts = Iterable[str | None]


def mistralai() -> Texts:
    """The package of https://pypi.org/project/mistralai."""
    from mistralai.client import Mistral  # noqa: PLC0415

    client = Mistral(api_key="fake")
    settings = {"model": "mistral-small-latest", "messages": MESSAGES, "max_tokens": 50}
    return [client.chat.complete(**settings).choices[0].message.content]


def mistralai_stream() -> Texts:
    """The same as a stream."""
    from mistralai.client import Mistral  # noqa: PLC0415

    settings = {"model": "mistral-small-latest", "messages": MESSAGES, "max_tokens": 50}
    stream = Mistral(api_key="fake").chat.stream(**settings)
    return [choice.delta.content for event in stream for choice in event.data.choices]


def cohere() -> Texts:
    """The package of https://pypi.org/project/cohere."""
    import cohere as package  # noqa: PLC0415

    client = package.ClientV2(api_key="fake")
    answer = client.chat(model="command-a-03-2025", messages=MESSAGES, max_tokens=50)
    return [answer.message.content[0].text]


def cohere_stream() -> Texts:
    """The same as a stream."""
    import cohere as package  # noqa: PLC0415

    client = package.ClientV2(api_key="fake")
    stream = client.chat_stream(model="command-a-03-2025", messages=MESSAGES, max_tokens=50)
    deltas = [event.delta for event in stream if event.type == "content-delta"]
    return [delta.message.content.text for delta in deltas]


def groq(*, stream: bool = False) -> Texts:
    """The package of https://pypi.org/project/groq."""
    import groq as package  # noqa: PLC0415

    client = package.Groq(api_key="fake", timeout=patience.SECONDS)
    settings = {"model": "llama-3.1-8b-instant", "messages": MESSAGES, "max_tokens": 50}
    return _texts(client.chat.completions.create(**settings, stream=stream))


def groq_stream() -> Texts:
    """The same as a stream."""
    return groq(stream=True)


def together(*, stream: bool = False) -> Texts:
    """The package of https://pypi.org/project/together."""
    from together import Together  # noqa: PLC0415

    client = Together(api_key="fake", timeout=patience.SECONDS)
    model = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    settings = {"model": model, "messages": MESSAGES, "max_tokens": 50}
    return _texts(client.chat.completions.create(**settings, stream=stream))


def together_stream() -> Texts:
    """The same as a stream."""
    return together(stream=True)


def huggingface_hub(*, stream: bool = False) -> Texts:
    """The package of https://pypi.org/project/huggingface-hub."""
    from huggingface_hub import InferenceClient  # noqa: PLC0415

    # The package looks up which of the vendor's models it is; a full address spares that.
    client = InferenceClient(
        base_url="https://router.huggingface.co/groq/openai/v1", api_key="hf_fake"
    )
    settings = {"model": "openai/gpt-oss-20b", "max_tokens": 50}
    return _texts(client.chat_completion(MESSAGES, **settings, stream=stream))


def huggingface_hub_stream() -> Texts:
    """The same as a stream."""
    return huggingface_hub(stream=True)


def boto3() -> Texts:
    """The package of https://pypi.org/project/boto3."""
    turn = [{"role": "user", "content": [{"text": PROMPT}]}]
    answer = _bedrock().converse(modelId="amazon.nova-lite-v1:0", messages=turn)
    return [answer["output"]["message"]["content"][0]["text"]]


def boto3_stream() -> Texts:
    """The same as an AWS event stream."""
    turn = [{"role": "user", "content": [{"text": PROMPT}]}]
    limit = {"maxTokens": 50}
    answer = _bedrock().converse_stream(
        modelId="amazon.nova-lite-v1:0", messages=turn, inferenceConfig=limit
    )
    events = [event.get("contentBlockDelta") for event in answer["stream"]]
    return [event["delta"]["text"] for event in events if event]


def boto3_invoke() -> Texts:
    """A model's own format."""
    turn = [{"role": "user", "content": [{"text": PROMPT}]}]
    body = {"inferenceConfig": {"max_new_tokens": 50}, "messages": turn}
    answer = _bedrock().invoke_model(modelId="amazon.nova-lite-v1:0", body=json.dumps(body))
    document = json.loads(answer["body"].read())
    return [document["output"]["message"]["content"][0]["text"]]


def _bedrock() -> Any:
    import boto3 as package  # noqa: PLC0415

    return package.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="AKIAFAKE",
        aws_secret_access_key="fake",
    )


def litellm(*, stream: bool = False) -> Texts:
    """The package of https://pypi.org/project/litellm."""
    import litellm as package  # noqa: PLC0415

    package.suppress_debug_info = True
    settings = {"model": "deepseek/deepseek-chat", "api_key": "fake", "max_tokens": 50}
    return _texts(package.completion(messages=MESSAGES, **settings, stream=stream))


def litellm_stream() -> Texts:
    """The same as a stream."""
    return litellm(stream=True)


def xai_sdk() -> Texts:
    """The package of https://pypi.org/project/xai-sdk, which speaks gRPC."""
    return [_grok().sample().content]


def xai_sdk_stream() -> Texts:
    """The same as a stream."""
    return [chunk.content for _, chunk in _grok().stream()]


def _grok() -> Any:
    from xai_sdk import Client  # noqa: PLC0415
    from xai_sdk.chat import user  # noqa: PLC0415

    chat = Client(api_key="fake").chat.create(model="grok-4-1-fast-non-reasoning", max_tokens=50)
    return chat.append(user(PROMPT))


def _texts(answer: Any) -> Texts:
    """Of an answer in OpenAI's format, whole or streamed."""
    if hasattr(answer, "choices"):
        return [answer.choices[0].message.content]
    return [choice.delta.content for event in answer for choice in event.choices]


PACKAGES: dict[str, Callable[[], Texts]] = {
    each.__name__: each
    for each in (
        mistralai, mistralai_stream, cohere, cohere_stream, groq, groq_stream, together,
        together_stream, huggingface_hub, huggingface_hub_stream, boto3, boto3_stream, boto3_invoke,
        litellm, litellm_stream, xai_sdk, xai_sdk_stream,
    )
}  # fmt: skip


def main(names: Iterable[str]) -> None:
    """One call with each."""
    for name in names:
        try:
            text = "".join(part for part in PACKAGES[name]() if part)
            report = {"package": name, "words": len(text.split())}
        except ModuleNotFoundError as error:
            report = {"package": name, "missing": str(error)}
        except Exception as error:  # noqa: BLE001 - it reports whatever it met
            bases = [base.__name__ for base in type(error).__mro__]
            report = {"package": name, "bases": bases, "message": str(error)}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
