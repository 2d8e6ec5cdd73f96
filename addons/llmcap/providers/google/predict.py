"""
Google's predictions, at the Gemini API and at Vertex AI: images, embeddings, and films.

Images are billed by their number, embeddings by their tokens, films by the second that was asked
for. A film is an operation: one that failed, or was filtered out, is free, and of one that is there
nobody says how long it is, so it costs what was held for it.
https://ai.google.dev/gemini-api/docs/video, https://cloud.google.com/vertex-ai/generative-ai/docs
"""

from typing import Any, override

from llmcap.providers.google.generate import generate_usage, model_in
from llmcap.providers.parts.content import measure, sold_by
from llmcap.providers.parts.declarations import snake
from llmcap.providers.parts.orders import NOTHING_DONE, OrderReader
from llmcap.providers.parts.reader import (
    BaseReader,
    asked_amount,
    count,
    document,
    documents,
    text,
    times,
)
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Count, Reading, Usage

IMAGES_DEFAULT = 4
# No film of Veo's is longer, and so are those that say nothing.
FILM_SECONDS_MAX = 8
# Embeddings of texts and pictures together: by the character, and a price for each picture. Nothing
# of it is told: https://cloud.google.com/vertex-ai/generative-ai/pricing, "Embeddings".
_MULTIMODAL = "multimodalembedding"
# What multimodal embeddings are billed by, beside the text.
_EMBEDDED = {"image": "input_image_item", "video": "input_video_second"}
# The sizes that have a price of their own.
_RESOLUTIONS = ("1080p", "4k")


# --- requests -------------------------------------------------------------------------------


def read_predict(request: Request) -> Ask:
    """What a request to predict asks for: embeddings by text, images by their number."""
    body = request.document()
    content = measure(request)
    model = model_in(request.path)
    instances = documents(body.get("instances"))
    parameters = document(body.get("parameters"))
    if _draws(model):
        each = max(times(_parameter(parameters, "sampleCount")) or IMAGES_DEFAULT, 1)
        fees: dict[str, Count] = {"image": each * max(len(instances), 1)}
        return Ask(model=model, generates=False, hidden_work=False, fees=fees)
    characters = sum(len(text(each.get("text"))) for each in instances)
    by_characters = _MULTIMODAL in model
    return Ask(
        model=model,
        text_bytes=0 if by_characters else content.text_bytes,
        fees={"input_character": characters} if by_characters and characters else {},
        media=sold_by(_EMBEDDED, content.media),
        generates=False,
        prompts=max(len(instances), 1),
        hidden_work=False,
    )


def _draws(model: str) -> bool:
    return model.startswith(("imagen", "imagegeneration", "virtual-try-on"))


def _parameter(parameters: Document, name: str) -> Any:
    """A parameter in either spelling: the API takes both."""
    return parameters.get(name, parameters.get(snake(name)))


def read_film(request: Request) -> Ask:
    """What a request for films asks for: so many of each instance, so long, of that size."""
    body = request.document()
    parameters = document(body.get("parameters"))
    films = times(_parameter(parameters, "sampleCount"))
    if not films and "/publishers/" in request.path.lower():
        raise FormatError("how many films it asks for is not said: give a sampleCount")
    seconds = asked_amount(_parameter(parameters, "durationSeconds")) or FILM_SECONDS_MAX
    asked = max(films, 1) * max(len(documents(body.get("instances"))), 1) * seconds
    resolution = text(parameters.get("resolution")).lower()
    measures: dict[str, Count] = {}
    if resolution in _RESOLUTIONS:
        measures[f"video_second_{resolution}"] = asked
    return Ask(
        model=model_in(request.path),
        generates=False,
        hidden_work=False,
        measures={**measures, "video_second": asked},
        deferred=True,
    )


# --- responses ------------------------------------------------------------------------------


class PredictReader(BaseReader):
    """Predictions: tokens of embeddings, or the number of images."""

    tells = "tokens, or images"

    def body(self, document: Document) -> None:
        """The whole answer."""
        if document.get("error"):
            self.fail(document["error"])
        predictions = documents(document.get("predictions"))
        if not predictions:
            return
        if "image" in self.ask.fees:
            self.charge(Usage(extras={"image": len(predictions)}))
            self.complete = True
            return
        told = _predicted_tokens(predictions) or generate_usage(_metadata(document)).input_tokens
        if told or _MULTIMODAL in self.ask.model:
            self.charge(Usage(input_tokens=told, extras=self.uncounted))
            self.complete = True


def _predicted_tokens(predictions: list[Document]) -> int:
    statistics = [
        document(document(each.get("embeddings")).get("statistics")) for each in predictions
    ]
    return sum(count(each.get("token_count")) for each in statistics)


def _metadata(answer: Document) -> Document:
    return document(answer.get("usageMetadata"))


class FilmReader(OrderReader):
    """The operation that makes a film, as it was begun or as it is."""

    tells = "seconds asked for"

    @override
    def told(self, document: Document) -> list[Reading]:
        """Whether there is a film, once it is over."""
        name = text(document.get("name"))
        if "/operations/" not in name:
            return []
        done = document.get("done") is True
        free = done and not _films(document)
        return [
            Reading(
                complete=free,
                response_id=name,
                error=NOTHING_DONE if free else None,
                over=done,
            )
        ]


def _films(operation: Document) -> bool:
    response = document(operation.get("response"))
    made = document(response.get("generateVideoResponse")) or response
    return any(
        documents(made.get(name)) for name in ("generatedSamples", "generatedVideos", "videos")
    )
