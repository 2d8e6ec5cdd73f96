"""
How many tokens a picture is, by the rule of the model that looks at it.

The rule follows the model, wherever it is sold. Where the size is not known, the most that the rule
makes of any picture counts; where the rule is not known, the dearest of all rules. A file that
moves is as many pictures as it has, unless its model's maker says that it looks at one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil

from llmcap.bounds.families import family_of
from llmcap.bounds.sizes import HEAD_BYTES, Size, size_of
from llmcap.providers.parts.kinds import RESIZED
from llmcap.providers.parts.shape import Media
from llmcap.words.counts import several
from llmcap.words.records import Bound, Bounded, Unbounded

# The most pictures that a file is taken apart into.
FRAMES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Tokens of a picture: the most of any, and of one of a known size at a detail."""

    most: int
    of: Callable[[Size, str], int]
    still: bool = False  # looks at one picture of a file that moves


def picture_bound(media: Media, model: str, *, looked: bool = False) -> Bound:
    """The most tokens that a model makes of a picture."""
    rule = rule_of(model)
    if media.bytes is None or not media.sent.encoded:
        return Bounded(rule.most, "the largest picture that the model sees")
    moves = media.sent.head(6).startswith(b"GIF") or looked
    head = media.sent.data() if looked and moves else media.sent.head(HEAD_BYTES)
    size = size_of(head, media.bytes)
    if size is None:
        return Bounded(rule.most, "the largest picture that the model sees")
    if size.frames > FRAMES_MAX:
        return Unbounded(f"the picture moves, {several(size.frames, 'time')}")
    frames = 1 if rule.still else size.frames
    if media.detail == RESIZED:
        return Bounded(rule.most * frames, "the largest picture, as its part says how large it is")
    tokens = min(rule.of(size, media.detail), rule.most) * frames
    return Bounded(tokens, f"its size, {size.width} x {size.height}")


@cache
def rule_of(model: str) -> Rule:
    """The rule of a model; the dearest where it is nobody's that is known."""
    maker, name = family_of(model)
    return next((rule for begins, rule in _RULES.get(maker, ()) if begins.match(name)), _DEAREST)


# --- OpenAI: https://developers.openai.com/api/docs/guides/images-vision, "Calculating costs" -----


_LOW_PATCHES = 256  # of 512 x 512 pixels


def _tiles(base: int, tile: int) -> Rule:
    """A base, and tiles of 512 pixels of the picture within 2,048 with its short side at 768."""

    def of(size: Size, detail: str) -> int:
        if detail == "low":
            return base
        long, short = max(size.width, size.height), min(size.width, size.height)
        # Small pictures are scaled up too, says the guide; whoever does not makes fewer tiles.
        side = min(2048, ceil(long * 768 / short))
        other = min(768, ceil(2048 * short / long))
        return base + tile * ceil(side / 512) * ceil(max(other, 1) / 512)

    return Rule(base + 8 * tile, of, still=True)


def _patches(most: int, times_percent: int) -> Rule:
    """Patches of 32 pixels, `most` of them, each some tokens: a picture is scaled down to these."""

    def of(size: Size, detail: str) -> int:
        patches = min(ceil(size.width / 32) * ceil(size.height / 32), most)
        if detail == "low":
            patches = max(patches, _LOW_PATCHES)  # small ones are scaled up for it
        return -(-patches * times_percent // 100)

    return Rule(-(-most * times_percent // 100), of, still=True)


# A picture of more than 30,000 patches is refused. 1.2 is the multiplier of GPT-5.6 and GPT-6; of
# the models that have none in the guide it is assumed too.
_OPENAI = (
    # Tiles with a short side of 512, and 4,160 or 6,240 at a high fidelity of the input.
    (r"gpt-image-1(?:$|-)", Rule(7_337, lambda _size, _detail: 7_337, still=True)),
    (r"gpt-4o-mini", _tiles(2833, 5667)),
    (r"(?:chat)?gpt-4o|gpt-4\.5|gpt-4-|gpt-4\.1(?!-(?:mini|nano))", _tiles(85, 170)),
    (r"gpt-4\.1-mini", _patches(1536, 162)),
    (r"gpt-4\.1-nano", _patches(1536, 246)),
    (r"o4-mini", _patches(1536, 172)),
    (r"o[13]", _tiles(75, 150)),
    (r"computer-use", _tiles(65, 129)),
    (r"gpt-5(?:$|-\d|-chat)", _tiles(70, 140)),
    (r"gpt-5(?:\.4)?-mini", _patches(1536, 162)),
    (r"gpt-5(?:\.4)?-nano", _patches(1536, 246)),
    (r"gpt-5\.2(?:$|-)", _patches(1536, 120)),
    (r"gpt-5\.[45](?:$|-)(?!mini|nano)", _patches(10_000, 120)),
    (r"gpt-(?:5\.6|6)(?:$|-)(?!mini|nano)", _patches(30_000, 120)),
)


# --- Anthropic: https://platform.claude.com/docs/en/build-with-claude/vision ----------------------


def _area(most: int) -> Rule:
    """A token for 750 pixels, or for each patch of 28: the guide has had both."""

    def of(size: Size, detail: str) -> int:  # noqa: ARG001 - Claude has no detail
        patches = ceil(size.width / 28) * ceil(size.height / 28)
        return max(ceil(size.width * size.height / 750), patches)

    return Rule(most, of, still=True)


# A picture that moves is looked at once. "Roughly 1,600" up to Claude 4.6 (1,568 pixels), 4,784
# from Claude Opus 4.7 on (2,576 pixels).
_ANTHROPIC = (
    (r"claude-(?:instant|[23]|v[12])", _area(1_640)),
    (
        r"claude-(?:opus|sonnet|haiku)-4(?:[-.][0-6])?(?:[-@:](?:\d{8}.*|latest|v\d.*))?$",
        _area(1_640),
    ),
    (r"claude-4(?:[-.][0-6])?-(?:opus|sonnet|haiku)(?:[-@:](?:\d{8}.*|latest))?$", _area(1_640)),
    (r"claude", _area(4_784)),
)


# --- Google: https://ai.google.dev/gemini-api/docs/media-resolution, and "Tokens" -----------------


def _crops() -> Rule:
    """258 tokens, and for a larger picture that for each crop (Gemini before 3)."""

    def of(size: Size, detail: str) -> int:  # noqa: ARG001 - a lower resolution only makes it less
        if size.width <= 384 and size.height <= 384:
            return 258
        unit = max(min(min(size.width, size.height) * 2 // 3, 768), 256)
        return 258 * ceil(size.width / unit) * ceil(size.height / unit)

    return Rule(24 * 258, of, still=True)


def _flat(tokens: int) -> Rule:
    """So many, whatever the size."""
    return Rule(tokens, lambda _size, _detail: tokens, still=True)


# 1,120 unless the request wants "ultra high", which is 2,240.
_GOOGLE = (
    (r"gemini-(?:1|2|pro|flash)", _crops()),
    (r"gemini|nano-banana", _flat(2_240)),
)


# --- others ---------------------------------------------------------------------------------------


def _grid(pixels: int, most: int, *, beside: int = 0, every: int = 1) -> Rule:
    """A token for each square of so many pixels, a break for each row, some beside."""

    def of(size: Size, detail: str) -> int:  # noqa: ARG001 - has none
        columns, rows = ceil(size.width / pixels), ceil(size.height / pixels)
        return (columns + 1) * rows * every + beside

    return Rule(most, of)


_OTHERS = {
    # https://docs.mistral.ai/capabilities/vision: pictures within 1,024 pixels in patches of 16
    # (Pixtral 12B), or within 1,540 in patches of 28; each row of patches ends with a token.
    "mistral": ((r"", _grid(16, 4_160)),),
    # https://docs.x.ai/docs/models, "Image understanding": tiles of 448 pixels, 256 tokens each,
    # six at most, and one of the whole.
    "xai": ((r"", Rule(1_792, lambda _size, _detail: 1_792)),),
    # https://docs.cohere.com/docs/image-inputs: tiles of 512 pixels, 256 tokens each, 12 at most,
    # and one of the whole.
    "cohere": ((r"", Rule(3_328, lambda _size, _detail: 3_328)),),
    # https://www.llama.com/docs/model-cards-and-prompt-formats: Llama 3.2 sees four tiles of 1,601
    # tokens, Llama 4 sixteen of 144 and one of the whole with its separators.
    "meta": ((r"", Rule(6_404, lambda _size, _detail: 6_404)),),
    # https://ai.google.dev/gemma/docs: 256 tokens (Gemma 3), a budget of up to 1,120 (Gemma 4).
    "gemma": ((r"", Rule(1_120, lambda _size, _detail: 1_120)),),
    # https://docs.aws.amazon.com/nova/latest/userguide/modalities-image.html: some 2,600 tokens for
    # the largest; a picture is scaled to fit.
    "amazon": ((r"", Rule(4_096, lambda _size, _detail: 4_096)),),
    # https://help.aliyun.com/zh/model-studio/vision: a token for 28 x 28 pixels, or 32 x 32, 16,384
    # at most in high resolution, and two marks.
    "qwen": ((r"", _grid(28, 16_386, beside=2)),),
}

_RULES: dict[str, tuple[tuple[re.Pattern[str], Rule], ...]] = {
    maker: tuple((re.compile(begins), rule) for begins, rule in rules)
    for maker, rules in (
        ("openai", _OPENAI), ("anthropic", _ANTHROPIC), ("google", _GOOGLE), *_OTHERS.items()
    )
}  # fmt: skip


def _dearest(size: Size, detail: str) -> int:  # noqa: ARG001 - nobody knows what it means
    """The most that any of the rules makes of this size."""
    return max(rule.of(size, "") for rules in _RULES.values() for _, rule in rules)


_DEAREST = Rule(max(rule.most for rules in _RULES.values() for _, rule in rules), _dearest)
