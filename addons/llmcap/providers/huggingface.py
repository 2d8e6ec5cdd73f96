"""
Hugging Face's router: router.huggingface.co, which passes calls on to other vendors at their price.

The vendor is named behind the model (`model:groq`) or in front of the path (`/groq/openai/v1/...`),
or the router chooses and tells in the head of its answer. The answer names the vendor's model, not
the one that has the price.
https://huggingface.co/docs/inference-providers
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import override

from llmcap.providers.compatible import FREE, LATER, Api, CompatibleReader, Read, openai_api
from llmcap.providers.openai.embeddings import EmbeddingsReader
from llmcap.providers.openai.responses import ResponsesReader
from llmcap.providers.parts.billed import PricedAsAsked
from llmcap.providers.parts.limits import by_model
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Provider, Request

# The paths of the vendors' APIs, as they stand behind the vendor's name.
_VENDOR_PATHS = (
    "/v1", "/openai/v1", "/inference/v1", "/compatibility/v1", "/v3/openai", "/v1/openai",
    "/api/paas/v4", "/api/v1",
)  # fmt: skip


def routed(read: Read) -> Read:
    """The same with the vendor behind the model's name, wherever the request names it."""

    def read_routed(request: Request) -> Ask:
        ask = read(request)
        vendor = request.path.strip("/").partition("/")[0]
        if vendor == "v1" or ":" in ask.model or not ask.model:
            return ask
        return replace(ask, model=f"{ask.model}:{vendor}")

    return read_routed


# Ways to let the router choose, in a vendor's place.
_CHOICES = ("auto", "cheapest", "fastest", "preferred")
_VENDOR_HEADER = "x-inference-provider"


class Routed(PricedAsAsked):
    """Answers of a vendor that the request named, or that the head of the answer does."""

    _vendor = ""

    @override
    def head(self, headers: Mapping[str, str]) -> None:
        """Who served."""
        super().head(headers)
        self._vendor = headers.get(_VENDOR_HEADER, "").strip().lower()

    @property
    @override
    def served_model(self) -> str:
        """The model as it is sold by the one that served."""
        asked = super().served_model
        model, _, named = asked.rpartition(":") if ":" in asked else (asked, "", "")
        chosen = not named or named in _CHOICES
        return f"{model}:{self._vendor}" if self._vendor and chosen else asked


class RoutedChatReader(Routed, CompatibleReader):
    """Chat completions of such a vendor."""


class RoutedResponsesReader(Routed, ResponsesReader):
    """Responses of such a vendor."""


class RoutedEmbeddingsReader(Routed, EmbeddingsReader):
    """Embeddings of such a vendor."""


API = Api(
    chat=RoutedChatReader,
    responses=RoutedResponsesReader,
    embeddings=RoutedEmbeddingsReader,
    reads=routed,
    limits=by_model,
)
_BASES = ("/v1", *(f"/{{}}{path}" for path in _VENDOR_PATHS))

PROVIDER = Provider(
    name="huggingface",
    hosts=("router.huggingface.co", "api-inference.huggingface.co"),
    match=Routes(
        (
            *openai_api(*_BASES, api=API),
            ("GET", "/**", FREE),
            # Images, speech and other tasks, by the vendor's or the machine's own measure.
            ("POST", "/**", LATER),
        )
    ),
)
