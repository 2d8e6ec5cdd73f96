"""
The wire format of OpenAI's videos: a job that is billed by the seconds it was asked for.

The answer to the request that starts it tells model, seconds and size, which is all the price
needs. A job that fails later is not billed by OpenAI; here it is, as nobody may ever ask how it
went.
https://platform.openai.com/docs/api-reference/videos
"""

from decimal import Decimal
from typing import override

from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.reader import BaseReader, amount, asked_amount, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Count, Usage

SECONDS_DEFAULT = 4
SECONDS_MAX = 20
MODEL_DEFAULT = "sora-2"

# What is made of a video that is there has its model, its size and its length: only OpenAI knows
# these before. https://platform.openai.com/docs/guides/video-generation, "Extend completed videos":
# one that was extended has 120 seconds at most.
EXTENDED_SECONDS_MAX = 120
MODEL_DEAREST, SIZE_DEAREST = "sora-2-pro", "1024x1792"


def read_video(request: Request) -> Ask:
    """What a request for a video asks for, from JSON or a form."""
    body = _body(request)
    seconds = _seconds(body)
    return Ask(
        model=text(body.get("model")) or MODEL_DEFAULT,
        generates=False,
        hidden_work=False,
        fees={video_unit(text(body.get("size"))): SECONDS_DEFAULT if seconds is None else seconds},
    )


def read_remade(request: Request) -> Ask:  # noqa: ARG001  all that counts is the other video's
    """What a request for another video in place of one that is there asks for."""
    return _of_another(EXTENDED_SECONDS_MAX)


def read_extension(request: Request) -> Ask:
    """What a request for more of a video that is there asks for: so many seconds of it."""
    seconds = _seconds(_body(request))
    return _of_another(SECONDS_MAX if seconds is None else seconds)


def _of_another(seconds: Count) -> Ask:
    """A video of the dearest model and size."""
    fees = {video_unit(SIZE_DEAREST): seconds}
    return Ask(model=MODEL_DEAREST, generates=False, hidden_work=False, fees=fees)


def _body(request: Request) -> Document:
    fields = fields_of(request)
    return {field.name: field.text for field in fields} or request.document()


def _seconds(body: Document) -> Decimal | None:
    return asked_amount(body.get("seconds"))


def video_unit(size: str) -> str:
    """The billable unit of a second at this size: by its shorter side."""
    sides = [int(side) for side in size.split("x") if side.isascii() and side.isdigit()]
    if not sides or min(sides) <= 720:
        return "video_second_720p"
    return "video_second_1080p"


class VideoReader(BaseReader):
    """The job as it was made."""

    tells = "seconds asked for"

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.model = text(document.get("model")) or self.model
        self.response_id = text(document.get("id")) or self.response_id
        if document.get("error"):
            self.fail(document["error"])
        elif self.response_id:
            seconds = self.seconds(document)
            extras = self.ask.fees
            if seconds is not None:
                extras = {video_unit(text(document.get("size"))): seconds}
            self.charge(Usage(extras=extras))
            self.complete = True

    def seconds(self, document: Document) -> Count | None:
        """Those that are billed."""
        return amount(document.get("seconds"))


class ExtensionReader(VideoReader):
    """The same of a video that is made longer: its answer tells how long all of it is then."""

    @override
    def seconds(self, document: Document) -> Count | None:
        """Those that were asked for: openai 3.52.0, types/video.py, `seconds`."""
        return next(iter(self.ask.fees.values()))
