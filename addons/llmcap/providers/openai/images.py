"""
The wire format of OpenAI's images: generations, edits, variations.

DALL-E is billed by the image, by size and quality, and its answers tell no usage. The GPT image
models are billed by tokens and tell them; how many an image can have is published per quality and
size. Edits and variations are forms, not JSON.
https://platform.openai.com/docs/api-reference/images, https://platform.openai.com/docs/pricing
"""

from llmcap.providers.openai.chat import attributes_of, chat_usage
from llmcap.providers.openai.drawn import drawing_tokens
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.reader import BaseReader, documents, text, times
from llmcap.providers.parts.shape import Ask, Document, Media, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge, Usage

# The model is DALL-E 2 unless a parameter says that it cannot be.
_GPT_PARAMETERS = (
    "background", "moderation", "output_compression", "output_format", "partial_images", "stream",
    "input_fidelity",
)  # fmt: skip
_GPT_QUALITIES = ("low", "medium", "high", "auto")
_SIZES = {"dall-e-2": ("256x256", "512x512", "1024x1024")}
_SIZES_3 = ("1024x1024", "1024x1792", "1792x1024")


def read_image(request: Request) -> Ask:
    """What a request for images asks for, from JSON or a form."""
    body, media = _parameters(request)
    model = text(body.get("model")) or _default_model(body)
    images = max(times(body.get("n")), 1)
    if model.startswith("dall-e"):
        unit = image_unit(model, size=text(body.get("size")), quality=text(body.get("quality")))
        return Ask(
            model=model,
            generates=False,
            hidden_work=False,
            fees={unit: images},
            attributes=attributes_of(body),
        )
    content = measure(request) if not fields_of(request) else None
    return Ask(
        model=model,
        stream=str(body.get("stream")).lower() == "true",
        text_bytes=content.text_bytes if content else len(text(body.get("prompt")).encode()),
        media=content.media if content else media,
        output_limit=drawing_tokens(body, model=model),
        choices=images,
        tools=False,
        hidden_work=False,
        measures={"image": images},
        attributes=attributes_of(body),
    )


def image_unit(model: str, *, size: str, quality: str) -> str:
    """The billable unit of one image; `image` where the size is none that has a price."""
    sizes = _SIZES.get(model, _SIZES_3)
    size = size or "1024x1024"
    if size not in sizes:
        return "image"
    return f"image_{size}_hd" if quality == "hd" and model != "dall-e-2" else f"image_{size}"


class ImagesReader(BaseReader):
    """Images: usage where it is told, else their number."""

    tells = "usage, else images by size"

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream; the last one has the usage."""
        if text(event.get("type") or name).endswith(".completed"):
            self.body(event)
        elif event.get("error"):
            self.fail(event["error"])

    def body(self, document: Document) -> None:
        """The whole answer."""
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if isinstance(usage, dict) and usage and not self.ask.fees:
            charges = [Charge(self.served_model, image_usage(usage))]
            extra = document.get("svg_usage")
            if isinstance(extra, dict) and extra:
                model = text(extra.get("model")) or self.served_model
                charges.append(Charge(model, chat_usage(extra)))
            self.charge_all(tuple(charges))
            self.complete = True
        elif self.ask.fees and (images := documents(document.get("data"))):
            unit = next(iter(self.ask.fees))
            self.charge(Usage(extras={unit: len(images)}))
            self.complete = True


def image_usage(usage: Document) -> Usage:
    """
    Usage of models that bill images as tokens; without details, all that they write is images.

    OpenRouter tells it with the names of chat completions.
    """
    if "prompt_tokens" in usage:
        return chat_usage(usage)
    found = chat_usage(usage)
    if found.output_image or isinstance(usage.get("output_tokens_details"), dict):
        return found
    return chat_usage({**usage, "output_tokens_details": {"image_tokens": found.output_tokens}})


def _parameters(request: Request) -> tuple[Document, tuple[Media, ...]]:
    fields = fields_of(request)
    if fields:
        media = tuple(Media("image", each.size, sent=each.sent) for each in fields if each.filename)
        return {each.name: each.text for each in fields if not each.filename}, media
    try:
        return request.document(), ()
    except FormatError:
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise FormatError("the form cannot be read, so its model is not known") from None
        raise


def _default_model(body: Document) -> str:
    is_gpt = any(name in body for name in _GPT_PARAMETERS) or body.get("quality") in _GPT_QUALITIES
    return "gpt-image-1" if is_gpt else "dall-e-2"
