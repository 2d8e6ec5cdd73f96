"""
The limits of a model as its other sellers list them, for who sells it and lists none.

How much a model reads is a matter of how it was made, so the largest window that any of its sellers
lists bounds it. How much it writes is the seller's choice where many run the same weights: what
fits into its window. Where only its maker runs it, what the maker lists counts, or who lists more;
a limit as large as the window says nothing, as lists have that where they know none.

The table is `compiled/alike.json` of the price book, made with it (`scripts/update_prices`).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from llmcap.pricing.files import COMPILED

FILE = "alike.json"

# Models that nobody runs but their makers, and where these run them; others hand calls on.
CLOSED: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"(?:gpt-\d|chatgpt-|o[134](?:-|$))"), ("openai", "azure-openai")),
    (re.compile(r"claude-"), ("anthropic", "aws-bedrock", "google-vertex")),
    (re.compile(r"gemini-"), ("google", "google-vertex")),
    (re.compile(r"grok-"), ("xai",)),
)

_DATED = re.compile(r"-(?:latest|20\d\d-?[01]\d-?[0-3]\d)$")
_VERSION = re.compile(r"(?:-v\d)?:\d$")  # Bedrock's
# Copies of the same model with coarser numbers, and the free ones of a router.
_COPY = re.compile(r"(?:-(?:fp8|fp4|nvfp4|awq|int4|bf16)|:free)$")
_REGION = re.compile(r"^(?:us|eu|apac|jp|au|global)\.(?=[a-z0-9-]+\.)")
_MAKER = re.compile(r"^(?:ai21|amazon|anthropic|cohere|google|meta|mistral|openai|qwen)\.")
# Two orders of the same words: `claude-4.5-sonnet` at routers.
_TURNED = re.compile(r"^claude-(\d(?:-\d{1,2})?)-(opus|sonnet|haiku)")


class Limits(NamedTuple):
    """Tokens that a model reads and writes at most; None where nobody lists it."""

    window: int | None = None
    output: int | None = None


NONE = Limits()


def plain(model: str) -> str:
    """
    A model's name without what its sellers add: whose it is, a region, a date, a copy's kind.

    Only whole names are alike: `gpt-5-turbo-max` is no `gpt-5`.
    """
    name = _MAKER.sub("", _REGION.sub("", model.lower().strip().rpartition("/")[2]))
    name = re.sub(r"[._@ ]", "-", _COPY.sub("", _VERSION.sub("", name)))
    return _TURNED.sub(r"claude-\2-\1", _DATED.sub("", name))


def listed(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Limits]:
    """The limits of every model by its plain name, from the provider files of the book."""
    rows: dict[str, list[tuple[str, int | None, int | None]]] = {}
    for provider, document in sorted(documents.items()):
        for model, fields in document.get("models", {}).items():
            own = (provider, fields.get("context_window"), fields.get("max_output"))
            for name in {plain(each) for each in (model, *fields.get("aliases", ()))}:
                rows.setdefault(name, []).append(own)
    found = {name: _limits(name, each) for name, each in sorted(rows.items())}
    return {name: limits for name, limits in found.items() if limits != NONE}


def _limits(name: str, rows: Sequence[tuple[str, int | None, int | None]]) -> Limits:
    window = max((window or 0 for _, window, _ in rows), default=0) or None
    makers = next((who for names, who in CLOSED if names.match(name)), ())
    told = [(seller, most) for seller, own, most in rows if most and most < (own or 0)]
    if not any(seller in makers for seller, _ in told):
        return Limits(window)
    return Limits(window, max(most for _, most in told))


def to_json(limits: Mapping[str, Limits]) -> str:
    """As it stands in its file, one model a line so that its changes can be read."""
    rows = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in limits.items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


@cache
def table(folder: Path) -> Mapping[str, Limits]:
    """The table of a book; empty where it has none."""
    try:
        rows = json.loads((folder / COMPILED / FILE).read_bytes())
    except OSError:
        return {}
    return {name: Limits(*each) for name, each in rows.items()}


def limits_of(folder: Path, models: Iterable[str]) -> Limits:
    """What is known of a model that goes by one of these names."""
    known = table(folder)
    return next((found for each in models if (found := known.get(plain(each)))), NONE)
