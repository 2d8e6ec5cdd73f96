"""
Replicate: predictions, which run on a machine that is billed by the second, or by tokens.

The answer to the request that starts one is its first state; what it used is told when it is
fetched at its end, under `metrics`.
https://replicate.com/docs/reference/http
"""

from decimal import Decimal

from llmcap.providers.compatible import FREE, LATER
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import highest
from llmcap.providers.parts.reader import BaseReader, amount, count, document, limit_in, text
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Provider, Request
from llmcap.words.records import Count, Usage

ENDED = ("succeeded", "failed", "canceled", "aborted")


def read_prediction(request: Request) -> Ask:
    """What a request to predict asks for: the model is in the path, or hidden in a version."""
    body = request.document()
    content = measure(request)
    segments = request.path.strip("/").split("/")
    model = "/".join(segments[2:4]) if "models" in segments else text(body.get("version"))
    asked = document(body.get("input"))
    return Ask(
        model=model,
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=_limit(asked, model),
        deferred=True,
    )


# What limits an answer is a model's own: by the owner of the model. Of others nobody knows.
# https://replicate.com/anthropic/claude-4.5-sonnet/api/schema, and so on for each
_OBEYED = {
    "anthropic": ("max_tokens",),
    "deepseek-ai": ("max_tokens",),
    "google": ("max_output_tokens",),
    "ibm-granite": ("max_tokens",),
    "meta": ("max_tokens", "max_new_tokens"),
    "mistralai": ("max_tokens", "max_new_tokens"),
    "openai": ("max_completion_tokens",),
    "qwen": ("max_tokens",),
    "xai": ("max_tokens",),
}


def _limit(asked: Document, model: str) -> int | None:
    names = _OBEYED.get(model.partition("/")[0], ())
    return highest(limit_in(value) for name in names if (value := asked.get(name)) is not None)


def read_stored(request: Request) -> Ask:
    """Whose state is fetched: the answer tells."""
    return Ask(model="", stream="stream" in request.path, generates=False)


class PredictionReader(BaseReader):
    """A prediction's state."""

    tells = "tokens or seconds of the machine"

    def body(self, document: Document) -> None:
        """The whole state."""
        self.model = text(document.get("model")) or self.model
        self.response_id = text(document.get("id")) or self.response_id
        if document.get("error"):
            self.fail(document["error"])
        metrics = document.get("metrics")
        if document.get("status") in ENDED and isinstance(metrics, dict):
            self.charge(prediction_usage(metrics))
            self.complete = True
        else:
            self.deferred = True


def prediction_usage(metrics: Document) -> Usage:
    """Tokens where a model counts them, else the seconds that it ran."""
    read = count(metrics.get("input_token_count"))
    written = count(metrics.get("output_token_count"))
    seconds = amount(metrics.get("predict_time")) or Decimal(0)
    extras: dict[str, Count] = {} if read or written else {"compute_second": seconds}
    return Usage(input_tokens=read, output_tokens=written, extras=extras)


PREDICTION = Endpoint(
    name="predictions", fields="predictions", read=read_prediction, reader=PredictionReader
)
STORED = Endpoint(
    name="stored prediction", billing=Billing.DEFERRED, read=read_stored, reader=PredictionReader
)

PROVIDER = Provider(
    name="replicate",
    hosts=("api.replicate.com", "*.replicate.net"),
    match=Routes(
        (
            ("POST", "/v1/predictions", PREDICTION),
            ("POST", "/v1/models/{}/{}/predictions", PREDICTION),
            ("POST", "/v1/deployments/{}/{}/predictions", PREDICTION),
            ("GET", "/v1/predictions/{}", STORED),
            ("POST", "/v1/predictions/{}/cancel", STORED),
            ("GET", "/v1/streams/{}", STORED),
            ("POST", "/v1/trainings", LATER),
            ("POST", "/v1/models/{}/{}/versions/{}/trainings", LATER),
            ("GET", "/**", FREE),
        )
    ),
)
