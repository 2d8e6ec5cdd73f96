"""
xAI's videos: asked for by the second, fetched and paid for later.

https://docs.x.ai/docs/api-reference
"""

from decimal import Decimal

from llmcap.providers.openai import videos as openai_videos
from llmcap.providers.parts.reader import (
    BaseReader,
    asked_amount,
    text,
)
from llmcap.providers.parts.shape import Ask, Document, Request

# Where a request has what it works on.
PICTURES = ("image", "images", "image_url", "reference_images", "mask")
FILMS = ("video", "video_url")


def given(body: Document, names: tuple[str, ...]) -> int:
    """How many pictures or films a request gives to work on."""
    values = [value for name in names if (value := body.get(name))]
    return sum(len(value) if isinstance(value, list) else 1 for value in values)


def read_video(request: Request) -> Ask:
    """What a request for a video asks for; what it cost is told when it is fetched."""
    body = request.document()
    resolution = text(body.get("resolution")) or "720p"
    unit = f"video_second_{resolution}" if resolution in ("480p", "720p") else "video_second_1080p"
    seconds = asked_amount(body.get("duration")) or Decimal(openai_videos.SECONDS_MAX)
    # What is read costs less than what is made: a second for a picture, all that it may have for a
    # film. https://docs.x.ai/docs/models#pricing
    seconds += given(body, PICTURES) + openai_videos.SECONDS_MAX * given(body, FILMS)
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
