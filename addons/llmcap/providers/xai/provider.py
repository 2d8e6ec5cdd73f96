"""
xAI: api.x.ai, as OpenAI's API with the bill in every answer.

`usage.cost_in_usd_ticks` is what the call costs, in units of 10^-10 dollars, its tools included.
Chat completions leave the reasoning out of `completion_tokens`, the total has it; Responses have it
inside. Tools that xAI runs itself cost a fee per call, searches of X and code too.
https://docs.x.ai/docs/api-reference, https://docs.x.ai/docs/models#pricing
"""

from dataclasses import replace
from decimal import Decimal
from typing import override

from llmcap.providers.compatible import FREE, LATER, Api, Read, anthropic_api, openai_api
from llmcap.providers.compatible_tools import no_tools
from llmcap.providers.openai import videos as openai_videos
from llmcap.providers.openai.audio import read_recording
from llmcap.providers.openai.chat import HiddenReasoningReader
from llmcap.providers.openai.images import ImagesReader
from llmcap.providers.openai.responses import ResponsesReader, tool_units
from llmcap.providers.parts import hosted
from llmcap.providers.parts.billed import billed
from llmcap.providers.parts.limits import either
from llmcap.providers.parts.reader import (
    BaseReader,
    amount,
    asked_amount,
    count,
    document,
    documents,
    text,
    times,
)
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Provider, Request
from llmcap.providers.xai import grpc as xai_grpc
from llmcap.words.records import Charge, Count, Reading, Usage

TICK_USD = Decimal("1e-10")

# What a tool of a request is billed as, by its type.
_UNITS = {
    "web_search": "web_search",
    "live_search": "web_search",
    "x_search": "x_search",
    "code_execution": "code_execution",
    "code_interpreter": "code_execution",
    "file_search": "file_search",
    "collections_search": "file_search",
    "image_generation": "image",
}
# Live search, the older way: billed by the source, at five times the fee of a search.
SOURCES_DEFAULT = 20
SEARCHES_PER_SOURCE = 5


def ticks(told: Document) -> Decimal | None:
    """The bill of an answer, in dollars."""
    value = amount(document(told.get("usage")).get("cost_in_usd_ticks"))
    return None if value is None else value * TICK_USD


# --- requests -------------------------------------------------------------------------------


def with_tools(read: Read) -> Read:
    """The same with the fees of xAI's own tools."""

    def read_with_tools(request: Request) -> Ask:
        ask = read(request)
        if not ask.generates:
            return ask
        body = request.document()
        turns = count(body.get("max_turns")) or hosted.USES_DEFAULT
        kinds = {text(tool.get("type")) for tool in documents(body.get("tools"))}
        fees: dict[str, Count] = {_UNITS[kind]: turns for kind in kinds & _UNITS.keys()}
        # Pictures are drawn by xAI's own models, not by those that OpenAI's format names.
        ask = replace(ask, other_models=(), extra_output=0)
        search = document(body.get("search_parameters"))
        if search and search.get("mode") != "off":
            sources = count(search.get("max_search_results")) or SOURCES_DEFAULT
            fees["web_search"] = sources * SEARCHES_PER_SOURCE
        if not fees:
            return replace(ask, fees={})
        bound = hosted.tools({next(iter(fees)): turns})
        return replace(ask, fees=fees, loops=bound.loops, extra_input=bound.result_tokens)

    return read_with_tools


def read_image(request: Request) -> Ask:
    """What a request for images asks for: so many, at the model's price for one."""
    body = request.document()
    images = max(times(body.get("n")), 1)
    return Ask(
        model=text(body.get("model")), generates=False, hidden_work=False, fees={"image": images}
    )


def read_video(request: Request) -> Ask:
    """What a request for a video asks for; what it cost is told when it is fetched."""
    body = request.document()
    resolution = text(body.get("resolution")) or "720p"
    unit = f"video_second_{resolution}" if resolution in ("480p", "720p") else "video_second_1080p"
    seconds = asked_amount(body.get("duration")) or openai_videos.SECONDS_MAX
    return Ask(
        model=text(body.get("model")),
        generates=False,
        hidden_work=False,
        fees={unit: seconds},
        deferred=True,
    )


def read_stored(request: Request) -> Ask:
    """Whose answer is fetched: the id is only in the path."""
    _, _, name = request.path.rstrip("/").rpartition("/")
    return Ask(model="", previous_id=name, generates=False)


def read_batch_results(request: Request) -> Ask:
    """Which page of which batch's results is fetched."""
    segments = request.path.strip("/").split("/")
    page = request.query.get("pagination_token", "")
    return Ask(model="", previous_id=f"{segments[-2]}#{page}", generates=False)


# --- responses ------------------------------------------------------------------------------


class ToolsReader(ResponsesReader):
    """Responses whose runs of code are billed by the run."""

    @override
    def units(self, response: Document) -> dict[str, Count]:
        """xAI's units in place of OpenAI's."""
        units: dict[str, Count] = {}
        for unit, number in tool_units(response).items():
            name = _UNITS.get(unit, "web_search")
            units[name] = units.get(name, 0) + number
        return units


class VideoReader(BaseReader):
    """A video: its id when it is begun, and when it is fetched its length."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.response_id = ask.previous_id

    def body(self, document: Document) -> None:
        """The job as it was made, or as it is."""
        self.response_id = text(document.get("request_id")) or self.response_id
        self.model = text(document.get("model")) or self.model
        if document.get("error"):
            self.fail(document["error"])


class BatchResultsReader(BaseReader):
    """One page of a batch's results: a call each, with a bill of its own."""

    def body(self, document: Document) -> None:
        """The whole page."""
        self.response_id = self.ask.previous_id
        charges: list[Charge] = []
        answers = [_answer(result) for result in documents(document.get("results"))]
        for answer in answers:
            charges += _charges(answer)
        if charges:
            self.charge_all(tuple(charges))
            bills = [bill for answer in answers if (bill := ticks(answer)) is not None]
            # A bill that is missing must not make its call free.
            self.billed_usd = sum(bills, Decimal(0)) if len(bills) == len(charges) else None
            self.complete = True


def _answer(result: Document) -> Document:
    """The answer in a line of results, under the name of its kind."""
    response = document(document(result.get("batch_result")).get("response"))
    return next((document(each) for each in response.values()), {})


def _charges(answer: Document) -> tuple[Charge, ...]:
    responds = answer.get("object") == "response"
    reader = (ToolsReader if responds else HiddenReasoningReader)(Ask(model=""))
    reader.body(answer)
    reading: Reading = reader.reading()
    return tuple(replace(charge, terms=("batch",)) for charge in reading.charges)


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


# --- the API --------------------------------------------------------------------------------

API = Api(
    chat=HiddenReasoningReader,
    responses=ToolsReader,
    bill=ticks,
    reads=with_tools,
    limits=either,  # https://docs.x.ai/docs/api-reference#chat-completions
    tools=no_tools,
    asks_usage=False,
    dialect="xai",
)
IMAGES = Endpoint(name="images", read=read_image, reader=billed(ImagesReader, ticks), dialect="xai")
VIDEO = Endpoint(name="videos", read=read_video, reader=VideoReader, dialect="xai")
STORED_VIDEO = Endpoint(
    name="stored video",
    billing=Billing.DEFERRED,
    read=read_stored,
    reader=billed(VideoReader, ticks),
    dialect="xai",
)
HEARD = Endpoint(
    name="speech to text", read=read_recording, reader=SpeechToTextReader, dialect="xai"
)
BATCH_RESULTS = Endpoint(
    name="batch results",
    billing=Billing.DEFERRED,
    read=read_batch_results,
    reader=BatchResultsReader,
    dialect="xai",
)

PROVIDER = Provider(
    name="xai",
    hosts=("api.x.ai", "*.api.x.ai"),
    match=Routes(
        (
            ("POST", "/v1/images/generations", IMAGES),
            ("POST", "/v1/images/edits", IMAGES),
            ("POST", "/v1/videos/generations", VIDEO),
            ("POST", "/v1/videos/edits", VIDEO),
            ("POST", "/v1/videos/extensions", VIDEO),
            ("GET", "/v1/videos/{}", STORED_VIDEO),
            # A batch is made empty; what is put into it is what costs.
            ("POST", "/v1/batches", FREE),
            ("POST", "/v1/batches/{}/requests", LATER),
            ("GET", "/v1/batches/{}/results", BATCH_RESULTS),
            ("POST", "/v1/stt", HEARD),
            ("POST", "/v1/tts", LATER),
            ("POST", "/v1/realtime/**", LATER),
            ("POST", "/v1/tokenize-text", FREE),
            ("GET", "/v1/api-key/**", FREE),
            *xai_grpc.ROUTES,
            *openai_api("/v1", api=API),
            *anthropic_api("/v1"),
        )
    ),
    dialect="xai",
)
