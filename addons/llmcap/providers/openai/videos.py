"""
The wire format of OpenAI's videos: a job that is billed by the seconds it was asked for.

The answer to the request that starts it tells model, seconds and size, which is all the price
needs. A job that fails later is not billed by OpenAI; here it is, as nobody may ever ask how it
went.
https://platform.openai.com/docs/api-reference/videos
"""

from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.reader import BaseReader, amount, asked_amount, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Usage

SECONDS_DEFAULT = 4
SECONDS_MAX = 20
MODEL_DEFAULT = "sora-2"


def read_video(request: Request) -> Ask:
    """What a request for a video asks for, from JSON or a form."""
    fields = fields_of(request)
    body: Document = {field.name: field.text for field in fields} or request.document()
    seconds = asked_amount(body.get("seconds"))
    return Ask(
        model=text(body.get("model")) or MODEL_DEFAULT,
        generates=False,
        hidden_work=False,
        fees={video_unit(text(body.get("size"))): SECONDS_DEFAULT if seconds is None else seconds},
    )


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
            seconds = amount(document.get("seconds"))
            extras = self.ask.fees
            if seconds is not None:
                extras = {video_unit(text(document.get("size"))): seconds}
            self.charge(Usage(extras=extras))
            self.complete = True
