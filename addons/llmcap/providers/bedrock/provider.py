"""
AWS Bedrock: the runtime in every region, and Mantle, which speaks OpenAI's and Anthropic's API.

The model is in the path, percent-encoded, and may be a profile or an ARN; answers seldom name one,
so the price goes by what was asked for. Most requests are signed: a body that was changed would be
refused, so none is, unless the key swap signs it again. `converse` has one shape for all models
(`bedrock_converse`), `invoke` the shape of each vendor (`bedrock_invoke`).
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from llmcap.providers.anthropic.provider import MESSAGES
from llmcap.providers.bedrock.converse import ConverseReader, limit_converse, read_converse
from llmcap.providers.bedrock.guardrails import ApplyReader, read_apply
from llmcap.providers.bedrock.hosts import hosts_of, region_terms
from llmcap.providers.bedrock.invoke import AnthropicReader, InvokeReader, limit_invoke, read_invoke
from llmcap.providers.bedrock.usage import model_in, stands_for
from llmcap.providers.compatible import (
    FREE,
    LATER,
    Api,
    AskedChatReader,
    AskedEmbeddingsReader,
    AskedResponsesReader,
    Read,
    Route,
    openai_api,
)
from llmcap.providers.parts.limits import by_model
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Endpoint, Provider, Request
from llmcap.providers.parts.spelling import normal


def signed(headers: Mapping[str, str]) -> bool:
    """Whether the request's body is signed (SigV4), and not only its sender known by a key."""
    return headers.get("authorization", "").startswith("AWS4-")


def located(read: Read) -> Read:
    """The same with the region of its host, by which some models have other prices."""

    def read_located(request: Request) -> Ask:
        ask = read(request)
        return replace(ask, terms=(*ask.terms, *region_terms(request.host)))

    return read_located


def profiled(read: Read) -> Read:
    """The same for paths that name a profile of one's own or a router: their models are told."""
    read = located(read)

    def read_profiled(request: Request) -> Ask:
        ask = read(request)
        stands = stands_for(ask.model)
        return replace(ask, model="", made=stands) if stands else ask

    return read_profiled


CONVERSE = Endpoint(
    name="converse",
    fields="converse",
    read=profiled(read_converse),
    reader=ConverseReader,
    limit=limit_converse,
    dialect="bedrock",
)
INVOKE = Endpoint(
    name="invoke",
    fields="invoke",
    read=profiled(read_invoke),
    reader=InvokeReader,
    limit=partial(limit_invoke, model=""),
    dialect="bedrock",
)
APPLY = Endpoint(
    name="guardrail", fields="guardrail", read=read_apply, reader=ApplyReader, dialect="bedrock"
)
BEDROCK_FREE = replace(FREE, dialect="bedrock")
BEDROCK_LATER = replace(
    LATER,
    name="Bedrock's other work",
    advice="No answer of theirs tells what it cost. Converse and InvokeModel are metered.",
    dialect="bedrock",
)

# What a model can be asked for, by the end of the path.
OPERATIONS = {
    "converse": CONVERSE,
    "converse-stream": replace(CONVERSE, name="converse-stream"),
    "invoke": INVOKE,
    "invoke-with-response-stream": replace(INVOKE, name="invoke-with-response-stream"),
    "invoke-with-bidirectional-stream": BEDROCK_LATER,
    "count-tokens": BEDROCK_FREE,
}
# An ARN has slashes, which some clients do not encode.
_MODEL = re.compile(r"/model/(.+)/([a-z-]+)", re.IGNORECASE)

API = Api(
    chat=AskedChatReader,
    responses=AskedResponsesReader,
    embeddings=AskedEmbeddingsReader,
    limits=by_model,
    reads=located,
)
assert MESSAGES.read is not None
_MESSAGES = replace(MESSAGES, read=located(MESSAGES.read), reader=AnthropicReader)
_MANTLE: tuple[Route, ...] = (
    *openai_api("/v1", "/openai/v1", api=API),
    ("POST", "/anthropic/v1/messages", _MESSAGES),
    ("POST", "/anthropic/v1/messages/count_tokens", BEDROCK_FREE),
    ("POST", "/async-invoke", BEDROCK_LATER),
    ("GET", "/async-invoke/**", BEDROCK_FREE),
    ("POST", "/guardrail/{}/version/{}/apply", APPLY),
    ("POST", "/guardrail/**", BEDROCK_LATER),
    ("POST", "/guardrail-checks/**", BEDROCK_LATER),
)
_ROUTES = Routes(_MANTLE)


def match(method: str, path: str) -> Endpoint | None:
    """The endpoint of a path: by the operation at its end, else by the path itself."""
    found = _MODEL.fullmatch(normal(path))
    if found is not None:
        return _operation(path, found[2].lower()) if method == "POST" else None
    return _ROUTES(method, path)


def _operation(path: str, name: str) -> Endpoint | None:
    """What limits the answer to an invocation, the model's vendor says: the path has the model."""
    endpoint = OPERATIONS.get(name)
    if endpoint is None or endpoint.read is not INVOKE.read:
        return endpoint
    return replace(endpoint, limit=partial(limit_invoke, model=model_in(normal(path))))


PROVIDER = Provider(
    name="aws-bedrock",
    hosts=hosts_of("bedrock-runtime", "bedrock-mantle"),
    match=match,
    dialect="bedrock",
    signed=signed,
    routes=(
        *(("POST", f"/model/{{}}/{name}", endpoint) for name, endpoint in OPERATIONS.items()),
        *_MANTLE,
    ),
)

# Anthropic's own platform on AWS: its API and its prices, with AWS signatures.
ANTHROPIC = Provider(
    name="anthropic-aws",
    hosts=("aws-external-anthropic.*.api.aws",),
    match=Routes((("POST", "/v1/messages", MESSAGES), ("GET", "/v1/models/**", BEDROCK_FREE))),
    dialect="anthropic",
    prices="anthropic",
    signed=signed,
)
