"""
How many tokens a picture of OpenAI's models has that draw, by quality and size.

OpenAI's page has them for the first models. For those after, what another seller asks for each
picture is at OpenAI's price of a token, to a thousandth of a cent: fal.ai, as litellm 1.106.2 has
it (`fal_ai/high/1024-x-1024/openai/gpt-image-2`), rounded up here.
https://platform.openai.com/docs/guides/image-generation#cost-and-latency
"""

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType

from llmcap.providers.parts.reader import text, times
from llmcap.providers.parts.shape import Document
from llmcap.words.errors import FormatError

PARTIAL_TOKENS = 100  # of each picture that is sent before the last one is whole

# A size that is not listed may be a square, which has a quarter more than an oblong of as many
# pixels: of 1024 x 1024 and 1024 x 1536, at any quality.
_SQUARER = 1.3

# Several frames, or a drawing of more parts, are made by calls whose number is not published.
_COMPOSED = frozenset(("gif", "svg"))

_Table = Mapping[str, Mapping[str, int]]

_FIRST: _Table = MappingProxyType({
    "low": {"1024x1024": 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {"1024x1024": 1056, "1024x1536": 1584, "1536x1024": 1568},
    "high": {"1024x1024": 4160, "1024x1536": 6240, "1536x1024": 6208},
})  # fmt: skip
_SECOND: _Table = MappingProxyType({
    "low": {"1024x768": 184, "1024x1024": 217, "1024x1536": 184, "1920x1080": 184,
            "2560x1440": 250, "3840x2160": 417},
    "medium": {"1024x768": 1_250, "1024x1024": 1_784, "1024x1536": 1_417, "1920x1080": 1_350,
               "2560x1440": 1_884, "3840x2160": 3_384},
    "high": {"1024x768": 4_850, "1024x1024": 7_050, "1024x1536": 5_517, "1920x1080": 5_284,
             "2560x1440": 7_417, "3840x2160": 13_384},
})  # fmt: skip
_THIRD: _Table = MappingProxyType({
    "low": {"1024x768": 134, "1024x1024": 196, "1024x1536": 158, "1920x1080": 147,
            "2560x1440": 205, "3840x2160": 371},
    "medium": {"1024x768": 301, "1024x1024": 439, "1024x1536": 343, "1920x1080": 343,
               "2560x1440": 478, "3840x2160": 865},
    "high": {"1024x768": 1_204, "1024x1024": 1_756, "1024x1536": 1_372, "1920x1080": 1_320,
             "2560x1440": 1_843, "3840x2160": 3_336},
    "xhigh": {"1024x768": 2_140, "1024x1024": 3_122, "1024x1536": 2_459, "1920x1080": 2_347,
              "2560x1440": 3_276, "3840x2160": 5_930},
    "max": {"1024x768": 4_815, "1024x1024": 7_024, "1024x1536": 5_488, "1920x1080": 5_280,
            "2560x1440": 7_370, "3840x2160": 13_342},
})  # fmt: skip
# By how a model's name begins; the first three sizes are all that the first models draw.
_MODELS: tuple[tuple[tuple[str, ...], _Table, bool], ...] = (
    (("gpt-image-2.5",), _THIRD, True),
    (("gpt-image-2",), _SECOND, True),
    (("gpt-image-1", "chatgpt-image"), _FIRST, False),
)


def image_tokens(model: str, quality: str, size: str) -> int:
    """The output tokens of one picture; where quality or size is the model's choice, the most."""
    name = model.rpartition("/")[2].lower()
    found = [row for row in _MODELS if name.startswith(row[0])]
    # Of a model of OpenAI's that nobody knows, the most. What others draw has fewer than the first
    # of OpenAI's: Google's 2,000 in 4K (https://ai.google.dev/gemini-api/docs/pricing).
    rows = found[:1] or (_MODELS if "gpt" in name or not name else _MODELS[-1:])
    return max(_most(table, quality, size, any_size) for _, table, any_size in rows)


def drawing_tokens(settings: Document, *, model: str) -> int:
    """
    The output tokens of one picture as these settings ask for it, with those sent before it.

    Raises `FormatError` for one that is composed of others.
    """
    if text(settings.get("output_format")) in _COMPOSED:
        raise FormatError("nobody says how many pictures a GIF or an SVG is billed as")
    each = image_tokens(model, text(settings.get("quality")), text(settings.get("size")))
    return each + PARTIAL_TOKENS * times(settings.get("partial_images"))


def _most(table: _Table, quality: str, size: str, any_size: bool) -> int:  # noqa: FBT001  private
    rows = [table[quality]] if quality in table else table.values()
    return max(_of_size(row, size, any_size) for row in rows)


def _of_size(row: Mapping[str, int], size: str, any_size: bool) -> int:  # noqa: FBT001  private
    turned = "x".join(reversed(size.split("x")))
    if known := row.get(size) or row.get(turned):
        return known
    most = max(row.values())
    return ceil(most * _SQUARER) if any_size else most
