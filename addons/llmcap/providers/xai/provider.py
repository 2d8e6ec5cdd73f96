"""
xAI: api.x.ai, as OpenAI's API with the bill in every answer.

`usage.cost_in_usd_ticks` is what the call costs, in units of 10^-10 dollars, its tools included.
Chat completions leave the reasoning out of `completion_tokens`, the total has it; Responses have it
inside. Tools that xAI runs itself cost a fee per call, searches of X and code too.
https://docs.x.ai/docs/api-reference, https://docs.x.ai/docs/models#pricing
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcap.pricing.terms import REGION
from llmcap.providers.compatible import FREE, LATER, Api, Read, Route, anthropic_api, openai_api
from llmcap.providers.compatible_tools import no_tools
from llmcap.providers.openai.audio import read_recording
from llmcap.providers.openai.images import ImagesReader
from llmcap.providers.parts.billed import billed
from llmcap.providers.parts.limits import either
from llmcap.providers.parts.reader import BaseReader, amount, text, times
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Provider, Request
from llmcap.providers.xai import grpc as xai_grpc
from llmcap.providers.xai.batches import BatchResultsReader, read_batch_results
from llmcap.providers.xai.usage import (
    SearchingReader,
    ToolsReader,
    fewer_turns,
    ticks,
    with_tools,
)  # fmt: skip
from llmcap.providers.xai.videos import PICTURES, VideoReader, given, read_stored, read_video
from llmcap.words.records import Usage

HOST = "api.x.ai"


def regional(read: Read) -> Read:
    """
    The same for the regional hosts, of which the one in the United States costs more.

    https://docs.x.ai/developers/pricing; what it is elsewhere is not published, so the same is
    taken.
    """

    def read_in_region(request: Request) -> Ask:
        ask = read(request)
        domain = request.host.lower().partition(".")[2]
        return replace(ask, terms=(*ask.terms, f"{REGION}-us")) if domain == HOST else ask

    return read_in_region


def read_image(request: Request) -> Ask:
    """
    What a request for images asks for: so many, at the model's price for one.

    One that is read costs a part of that: a hundredth of a dollar, by what answers were billed.
    """
    body = request.document()
    images = max(times(body.get("n")), 1) + given(body, PICTURES)
    return Ask(
        model=text(body.get("model")), generates=False, hidden_work=False, fees={"image": images}
    )


class SpeechToTextReader(BaseReader):
    """A transcript, billed by the length of the recording."""

    def body(self, document: Document) -> None:
        """The whole transcript."""
        self.see(document.get("text"))
        if document.get("error"):
            self.fail(document["error"])
        if (seconds := amount(document.get("duration"))) is not None:
            self.charge(Usage(extras={"audio_second": seconds}))
            self.complete = True


API = Api(
    chat=SearchingReader,
    responses=ToolsReader,
    fewer_tools=fewer_turns,
    bill=ticks,
    reads=lambda read: regional(with_tools(read)),
    limits=either,  # https://docs.x.ai/docs/api-reference#chat-completions
    tools=no_tools,
    asks_usage=False,
    dialect="xai",
)
IMAGES = Endpoint(
    name="images",
    fields="xaiImages",
    read=read_image,
    reader=billed(ImagesReader, ticks),
    dialect="xai",
)
VIDEO = Endpoint(
    name="videos", fields="xaiVideos", read=read_video, reader=VideoReader, dialect="xai"
)
STORED_VIDEO = Endpoint(
    name="stored video",
    billing=Billing.DEFERRED,
    read=read_stored,
    reader=billed(VideoReader, ticks),
    dialect="xai",
)
STORED_CHAT = Endpoint(
    name="stored chat completion",
    billing=Billing.DEFERRED,
    read=read_stored,
    reader=billed(SearchingReader, ticks),
    dialect="xai",
)
HEARD = Endpoint(
    name="speech to text",
    fields="hearing",
    read=read_recording,
    reader=SpeechToTextReader,
    dialect="xai",
)
BATCH_RESULTS = Endpoint(
    name="batch results",
    billing=Billing.DEFERRED,
    read=read_batch_results,
    reader=BatchResultsReader,
    dialect="xai",
)


def _in_region(routes: Iterable[Route]) -> Iterator[Route]:
    """The same routes, whose calls may go to a regional host."""
    for method, path, endpoint in routes:
        metered = endpoint.billing is Billing.METERED
        read = regional(endpoint.read) if metered and endpoint.read else endpoint.read
        yield method, path, replace(endpoint, read=read)


PROVIDER = Provider(
    name="xai",
    hosts=(HOST, f"*.{HOST}"),
    match=Routes(
        (
            ("POST", "/v1/images/generations", IMAGES),
            ("POST", "/v1/images/edits", IMAGES),
            ("POST", "/v1/videos/generations", VIDEO),
            ("POST", "/v1/videos/edits", VIDEO),
            ("POST", "/v1/videos/extensions", VIDEO),
            ("GET", "/v1/videos/{}", STORED_VIDEO),
            ("GET", "/v1/chat/deferred-completion/{}", STORED_CHAT),
            # A batch is made empty; what is put into it is what costs.
            ("POST", "/v1/batches", FREE),
            ("POST", "/v1/batches/{}/requests", LATER),
            ("GET", "/v1/batches/{}/results", BATCH_RESULTS),
            ("POST", "/v1/stt", HEARD),
            ("POST", "/v1/tts", LATER),
            ("POST", "/v1/realtime/**", LATER),
            ("POST", "/v1/tokenize-text", FREE),
            ("GET", "/v1/api-key/**", FREE),
            *_in_region(xai_grpc.ROUTES),
            *openai_api("/v1", api=API),
            *_in_region(anthropic_api("/v1")),
        )
    ),
    dialect="xai",
)
