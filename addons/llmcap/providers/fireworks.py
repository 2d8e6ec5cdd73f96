"""
Fireworks AI: OpenAI's and Anthropic's API, and pictures by their steps or by the piece.

Pictures have paths of their own, with the model in them; the answer is a picture, or an id under
which it is fetched, and tells no usage. What some models cost is set per step, a number that the
request names, and of others per picture.
https://docs.fireworks.ai/api-reference, https://fireworks.ai/pricing
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import override

from llmcap.providers.compatible import FREE, LATER, compatible
from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.reader import BaseReader, text, times
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.words.records import Usage

# More steps than this no model of theirs takes, and so many are held where none are named.
STEPS_MAX = 50


def read_picture(request: Request) -> Ask:
    """What a request for pictures asks for: the model is in the path, below `accounts`."""
    fields = {field.name: field.text for field in fields_of(request) if not field.filename}
    body: Document = dict(fields) or request.document()
    pictures = max(times(body.get("samples")), 1)
    steps = times(body.get("num_inference_steps")) or times(body.get("steps")) or STEPS_MAX
    _, _, model = request.path.partition("/accounts/")
    for end in ("/text_to_image", "/image_to_image", "/control_net"):
        model = model.removesuffix(end)
    return Ask(
        model=f"accounts/{model}",
        generates=False,
        hidden_work=False,
        measures={"image_step": pictures * steps, "image": pictures},
    )


class PictureReader(BaseReader):
    """Pictures, as bytes or inside JSON, or the id of the work that makes them."""

    tells = "steps or pictures asked for"

    def body(self, document: Document) -> None:
        """Pictures in base64, an id, or an error."""
        if document.get("error"):
            self.fail(document["error"])
        else:
            self.response_id = text(document.get("request_id")) or None
            self.raw(0, {})

    @override
    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """The picture itself."""
        self.charge(Usage(extras=self.ask.fees))
        self.complete = True


PICTURE = Endpoint(name="images", fields="pictures", read=read_picture, reader=PictureReader)
MACHINES = replace(
    LATER,
    name="machines, batches and training of Fireworks",
    advice="Send the calls one by one: those are metered.",
)

PROVIDER = compatible(
    "fireworks",
    "api.fireworks.ai",
    "*.direct.fireworks.ai",  # transcriptions
    bases=("/inference/v1", "/v1"),
    messages=("/inference/v1",),
    more=(
        ("POST", "/inference/v1/workflows/accounts/{}/models/{}/get_result", FREE),
        ("POST", "/inference/v1/workflows/accounts/{}/models/{}", PICTURE),
        ("POST", "/inference/v1/workflows/accounts/{}/models/{}/text_to_image", PICTURE),
        ("POST", "/inference/v1/workflows/accounts/{}/models/{}/control_net", PICTURE),
        ("POST", "/inference/v1/image_generation/accounts/{}/models/{}", PICTURE),
        ("POST", "/inference/v1/image_generation/accounts/{}/models/{}/image_to_image", PICTURE),
        ("POST", "/inference/v1/image_generation/accounts/{}/models/{}/control_net", PICTURE),
        # Machines by the hour, fine-tuning, batches of its own kind.
        ("POST", "/v1/accounts/**", MACHINES),
    ),
)
