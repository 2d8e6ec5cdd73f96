"""
The registry of billable units: what is counted, and how many make one price unit.

It is `units.yaml` of the price book. A figure per million under a unit that is sold per thousand is
wrong by a factor of a thousand and looks fine, so the factor has this one place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from llmcap.pricing.files import find_folder, read_document
from llmcap.words.errors import PriceError

# The kinds of tokens: those that `Usage` has fields for. All other units are in its `extras`.
INPUT_UNITS = (
    "input",
    "cache_read",
    "cache_read_audio",
    "cache_read_image",
    "cache_read_video",
    "cache_write",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "input_video",
)
OUTPUT_UNITS = ("output", "reasoning", "output_audio", "output_image", "output_video")
TOKEN_UNITS = (*INPUT_UNITS, *OUTPUT_UNITS)

# What tools cost that work for a model, and what may be done with one besides. All units that are
# neither these nor tokens are ways to sell its work itself: by the image, the second, the page, ...
SIDE_UNITS = frozenset((
    "cache_storage",
    "citation_token",
    "code_execution",
    "code_interpreter",
    "diarized_second",
    "file_search",
    "guardrail_content",
    "guardrail_grounding",
    "guardrail_image",
    "guardrail_reasoning",
    "guardrail_sensitive",
    "guardrail_topic",
    "maps_search",
    "enterprise_search",
    "own_search",
    "parsed_page",
    "plugin_search",
    "search_request_high",
    "search_request_low",
    "search_request_medium",
    "text_message",
    "training_token",
    "web_fetch",
    "web_search",
    "web_search_preview",
    "x_search",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """One billable kind. `per` of it cost what a price says; `means` is for people."""

    name: str
    per: int
    means: str

    @property
    def is_tokens(self) -> bool:
        """Whether `Usage` counts it in a field of its own."""
        return self.name in TOKEN_UNITS


@cache
def units() -> Mapping[str, Unit]:
    """Every unit by name. Raises `PriceError` where the registry is broken."""
    registry: dict[str, Unit] = {}
    for name, fields in read_document(find_folder(), "units").items():
        if not isinstance(fields, dict) or set(fields) != {"per", "means"}:
            raise PriceError(f"units.yaml: {name} must have exactly `per` and `means`")
        if not isinstance(fields["per"], int) or fields["per"] < 1:
            raise PriceError(f"units.yaml: {name}.per must be a positive integer")
        registry[name] = Unit(name=name, per=fields["per"], means=str(fields["means"]))
    missing = [name for name in TOKEN_UNITS if name not in registry]
    if missing:
        raise PriceError(f"units.yaml lacks {', '.join(missing)}")
    return MappingProxyType(registry)
