"""
OpenAI's API as other vendors have it, and what may differ from it as data.

Who they are is in `vendors`, a row each. What differs more than a row can say has a file of its
own, made with the same `openai_api`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.anthropic.messages import MessagesReader
from llmcap.providers.compatible_tools import (
    UNITS,
    Tools,
    no_tools,
    own_tools,
    with_tools,
)  # fmt: skip
from llmcap.providers.openai import provider as openai
from llmcap.providers.openai.audio import (
    SpeechReader,
    TranscriptionReader,
    read_speech,
    read_transcription,
)  # fmt: skip
from llmcap.providers.openai.batches import OutputReader, answers
from llmcap.providers.openai.chat import (
    ChatReader,
    ask_usage,
    chat_usage,
    read_chat,
    read_completion,
    with_hidden,
)  # fmt: skip
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai.images import ImagesReader, read_image
from llmcap.providers.openai.responses import ResponsesReader, limit_responses, read_responses
from llmcap.providers.parts.billed import Bill, PricedAsAsked, billed
from llmcap.providers.parts.limits import MAX_TOKENS, LimitsOf, max_tokens
from llmcap.providers.parts.reader import BaseReader, count, document
from llmcap.providers.parts.rerank import RerankReader, read_rerank
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Provider, Reader, Request
from llmcap.words.records import Count, Usage

Read = Callable[[Request], Ask]
Route = tuple[str, str, Endpoint]

# Where vendors tell how much of the prompt came from a cache, if not where OpenAI does.
_CACHED = (
    "cached_tokens",  # Moonshot, Together
    "prompt_cache_hit_tokens",  # DeepSeek
    "cache_read_input_tokens",  # those that sell Anthropic's models
    "num_cached_tokens",  # Mistral
)
_WRITTEN = "cache_creation_input_tokens"


def compatible_usage(usage: Document) -> Usage:
    """What a usage object of a compatible API means, whatever names it has for cached tokens."""
    known = chat_usage(usage)
    old_name = document(usage.get("prompt_token_details"))
    cached = count(old_name.get("cached_tokens")) or max(count(usage.get(key)) for key in _CACHED)
    read = known.cache_read or cached
    written = known.cache_write_5m or count(usage.get(_WRITTEN))
    prompt = known.input_tokens
    # Gateways that translate Anthropic's counts one by one leave cached tokens out of the prompt;
    # the total that they tell shows it (`findings/portkey_cached_beyond_prompt.sh`).
    beside = read + written
    if beside and usage.get("total_tokens") == prompt + beside + known.output_tokens:
        prompt += beside
    return replace(known, input_tokens=prompt, cache_read=read, cache_write_5m=written)


INSIDE, BESIDE = "inside", "beside"


class CompatibleReader(ChatReader):
    """Chat completions of a vendor that adds to OpenAI's shape, as all of them do."""

    # Whether completion tokens hold the reasoning. Where nobody says, reasoning that is more than
    # all of the completion is beside it.
    reasons: str = ""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        # How often the vendor's own tools were used: at most, and as far as it tells.
        self.assumed: Mapping[str, Count] = {}
        self.told: dict[str, int] = {}

    def usage_in(self, event: Document) -> Document | None:
        """The usage where OpenAI has it, else where Groq has it in a stream."""
        return super().usage_in(event) or document(event.get("x_groq")).get("usage") or None

    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means."""
        searches = document(document(usage.get("plugins")).get("search")).get("count")
        if isinstance(searches, int):
            self.told["web_search"] = searches  # Alibaba
        known = replace(compatible_usage(usage), extras=self.extras())
        beside = self.reasons == BESIDE or known.reasoning > known.output_tokens
        if beside and self.reasons != INSIDE:
            known = replace(known, output_tokens=known.output_tokens + known.reasoning)
        return with_hidden(known, usage)

    def extras(self) -> Mapping[str, Count]:
        """Units besides tokens: what was told, else what was held."""
        return {**super().extras(), **self.assumed, **self.told}


class InsideChatReader(CompatibleReader):
    """
    Chat completions of a vendor whose completion tokens hold the reasoning, however much that says.

    Seen in bills and totals of recorded traffic; some count reasoning by a text of their own.
    """

    reasons = INSIDE


class AskedChatReader(PricedAsAsked, CompatibleReader):
    """The same for sellers whose prices go by the name that was asked for."""


class AskedResponsesReader(PricedAsAsked, ResponsesReader):
    """Responses of such a seller."""


class ResoldMessagesReader(MessagesReader):
    """Messages of a seller that is not Anthropic: what it bills of a refusal is not known."""

    refuses_free = False


class AskedMessagesReader(PricedAsAsked, ResoldMessagesReader):
    """Messages of such a seller."""


class AskedEmbeddingsReader(PricedAsAsked, EmbeddingsReader):
    """Embeddings of such a seller."""


def read_prompt(request: Request) -> Ask:
    """A legacy completion: OpenAI's default limit of 16 tokens is no one else's."""
    return replace(read_completion(request), output_limit=MAX_TOKENS.of(request.document()))


FREE = Endpoint(name="free", billing=Billing.FREE)
LATER = Endpoint(name="later work", billing=Billing.UNMETERABLE)


def _as_it_is(read: Read) -> Read:
    return read


@dataclass(frozen=True, slots=True)
class Api:
    """What differs from OpenAI's API, for all of its endpoints."""

    dialect: str = "openai"
    chat: Callable[[Ask], BaseReader] = CompatibleReader
    responses: Callable[[Ask], BaseReader] = ResponsesReader
    embeddings: Callable[[Ask], BaseReader] = EmbeddingsReader
    transcription: Callable[[Ask], BaseReader] = TranscriptionReader
    bill: Bill | None = None  # the bill that answers tell
    reads: Callable[[Read], Read] = _as_it_is  # what is changed in every `Ask`
    tools: Tools = own_tools  # what the vendor's own tools add to a chat
    limits: LimitsOf = max_tokens  # what bounds the output of a chat
    # The request of a response with so many calls of the vendor's own tools at most, or none, in a
    # field that it obeys.
    fewer_tools: Callable[[Document, int], Document] | None = None
    shows_tools: bool = True  # whether a streamed response shows each of them as it begins
    asks_usage: bool = True  # False: streams tell it unasked, and asking may be refused

    def lower(self, body: Document, limit: int) -> Document | None:
        """A chat with this limit, in a field that the vendor obeys."""
        return self.limits(body).lower(body, limit)

    def reader(self, plain: Callable[[Ask], BaseReader]) -> Callable[[Ask], Reader]:
        """The kind of reader with what this API adds to all of them."""
        return billed(plain, self.bill) if self.bill else plain

    def chat_reader(self, ask: Ask) -> BaseReader:
        """The reader of a chat, which takes the vendor's tools for used where that is not told."""
        reader = self.chat(ask)
        if self.tools is not no_tools and isinstance(reader, CompatibleReader):
            reader.assumed = {unit: ask.fees[unit] for unit in UNITS if unit in ask.fees}
        return reader


OPENAI = Api()

# Dialects whose errors are OpenAI's, so that its SDKs and Codex read them.
OPENAI_SHAPED = ("openai", "azure", "xai")


def openai_api(*bases: str, api: Api = OPENAI) -> list[Route]:
    """The routes of OpenAI's API below each of these paths, as a vendor has them."""
    chat = Endpoint(
        name="chat completions",
        fields="chat",
        read=with_tools(api.reads(partial(read_chat, limits=api.limits)), api.tools),
        reader=api.reader(api.chat_reader),
        limit=api.lower,
        ask_usage=ask_usage if api.asks_usage else None,
        dialect=api.dialect,
    )
    completions = replace(
        chat,
        name="completions",
        fields="completions",
        read=api.reads(read_prompt),
        reader=api.reader(api.chat),
        limit=MAX_TOKENS.lower,
    )
    responses = Endpoint(
        name="responses",
        fields="responses",
        read=api.reads(read_responses),
        reader=api.reader(api.responses),
        limit=limit_responses,
        limit_tools=api.fewer_tools,
        using_tools=api.fewer_tools if api.shows_tools else None,
        dialect="openai_responses" if api.dialect in OPENAI_SHAPED else api.dialect,
    )
    stored = Endpoint(
        name="stored response",
        billing=Billing.DEFERRED,
        read=openai.STORED.read,
        reader=api.reader(api.responses),
        dialect=api.dialect,
    )
    embeddings = Endpoint(
        name="embeddings",
        fields="embeddings",
        read=api.reads(read_embeddings),
        reader=api.reader(api.embeddings),
        dialect=api.dialect,
    )
    images = Endpoint(
        name="images",
        fields="images",
        read=api.reads(read_image),
        reader=api.reader(ImagesReader),
        dialect=api.dialect,
    )
    rerank = Endpoint(
        name="rerank",
        fields="rerank",
        read=api.reads(read_rerank),
        reader=api.reader(RerankReader),
        dialect=api.dialect,
    )
    free = replace(FREE, dialect=api.dialect)
    later = replace(LATER, dialect=api.dialect)
    films = replace(later, name="films", advice="There is no public price by the second for them.")
    transcription = Endpoint(
        name="transcriptions",
        fields="transcriptions",
        read=api.reads(read_transcription),
        reader=api.reader(api.transcription),
        dialect=api.dialect,
    )
    speech = Endpoint(
        name="speech",
        fields="speech",
        read=api.reads(read_speech),
        reader=api.reader(SpeechReader),
        dialect=api.dialect,
    )
    files = replace(openai.FILES, dialect=api.dialect)
    batch = replace(openai.BATCH, dialect=api.dialect)
    stored_batch = replace(openai.STORED_BATCH, dialect=api.dialect)
    output = replace(
        openai.BATCH_OUTPUT,
        reader=partial(OutputReader, answer=answers(api.chat, api.responses, api.embeddings)),
        dialect=api.dialect,
    )
    tuning = replace(openai.TUNING, dialect=api.dialect)
    stored_tuning = replace(openai.STORED_TUNING, dialect=api.dialect)
    below: tuple[Route, ...] = (
        ("POST", "/chat/completions", chat),
        ("POST", "/completions", completions),
        ("POST", "/responses", responses),
        ("GET", "/responses/{}", stored),
        ("POST", "/responses/{}/cancel", stored),
        ("POST", "/embeddings", embeddings),
        ("POST", "/rerank", rerank),
        ("POST", "/images/generations", images),
        ("POST", "/images/edits", images),
        ("POST", "/audio/speech", speech),
        ("POST", "/audio/transcriptions", transcription),
        ("POST", "/audio/translations", transcription),
        ("POST", "/files", files),
        ("GET", "/files/{}/content", output),
        ("POST", "/batches", batch),
        ("GET", "/batches", stored_batch),
        ("GET", "/batches/{}", stored_batch),
        ("POST", "/batches/{}/cancel", stored_batch),
        ("POST", "/fine_tuning/jobs", tuning),
        ("GET", "/fine_tuning/jobs", stored_tuning),
        ("GET", "/fine_tuning/jobs/{}", stored_tuning),
        ("POST", "/fine_tuning/jobs/{}/cancel", stored_tuning),
        ("POST", "/videos/**", films),
        ("GET", "/realtime", later),
        *routes_to(free, "GET|DELETE", "/batches/**", "/files/**", "/models/**"),
        *routes_to(free, "POST", "/uploads", "/uploads/{}/{}", "/tokenize", "/moderations"),
    )
    return [(method, base + path, endpoint) for base in bases for method, path, endpoint in below]


def anthropic_api(
    *bases: str,
    dialect: str = "anthropic",
    reader: Callable[[Ask], BaseReader] = ResoldMessagesReader,
) -> list[Route]:
    """The routes of Anthropic's Messages API below each of these paths."""
    messages = replace(anthropic.MESSAGES, reader=reader, dialect=dialect)
    free = replace(FREE, dialect=dialect)
    return [
        route
        for base in bases
        for route in (
            ("POST", f"{base}/messages", messages),
            ("POST", f"{base}/messages/count_tokens", free),
            ("GET", f"{base}/models/**", free),
        )
    ]


# Below what programs of Anthropic's API are told for other vendors: the host itself (StepFun, per
# Cherry Studio's list; ModelScope), `/anthropic` (MiniMax, Moonshot, DeepSeek), `/api/anthropic`
# (Z.ai).
SDK_MESSAGES = ("/v1", "/anthropic/v1", "/api/anthropic/v1")


@cache
def _shared(bases: tuple[str, ...], messages: tuple[str, ...], api: Api) -> Routes:
    """Most vendors have the same paths, and so one table."""
    return Routes((*openai_api(*bases, api=api), *anthropic_api(*messages)))


def compatible(
    name: str,
    *hosts: str,
    bases: Iterable[str] = ("/v1",),
    messages: Iterable[str] = (),
    more: Iterable[Route] = (),
    api: Api = OPENAI,
    prices: str = "",
    api_only: bool = True,
) -> Provider:
    """
    A provider whose API is OpenAI's below `bases` and Anthropic's below `messages`.

    `more` are routes of its own, which win over both. A host that serves an API alone may speak
    Anthropic's too: StepFun, ModelScope and others do at the paths of Anthropic's own SDK, which
    is told a host. That is read and held wherever it is asked for; where it is not sold, the answer
    is an error, and free.
    """
    own = tuple(more)
    asked = SDK_MESSAGES if api_only else ()
    shared = _shared(tuple(bases), tuple(dict.fromkeys((*messages, *asked))), api)
    routes = Routes((*own, *shared.table)) if own else shared
    return Provider(
        name=name,
        hosts=hosts,
        match=routes,
        api_only=api_only,
        dialect=api.dialect,
        prices=prices,
    )
