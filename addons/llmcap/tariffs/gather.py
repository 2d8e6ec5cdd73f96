"""
From the names of sources to what they say: each is known by what it is, not by where it lies.

`genai-prices`, `litellm` and `models.dev` stand for the pages where those are published, `pip` for
the newest wheel of genai-prices; a URL or a file may be any of them, or prices in the form that
LLMCap's own config has.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcap.pricing.files import parse_yaml
from llmcap.pricing.override import parse_override
from llmcap.tariffs import genai, litellm_table, models_dev, wheel
from llmcap.tariffs.build import Sources
from llmcap.tariffs.changes import MODELS_MAX
from llmcap.tariffs.genai import Catalog
from llmcap.tariffs.overlay import exact
from llmcap.tariffs.reach import download_wheel, fetch, read_file, temporary
from llmcap.words.counts import several
from llmcap.words.errors import PriceError

Document = dict[str, Any]

# genai_prices/update_prices.py of genai-prices 0.2.3; litellm's `model_cost_map_url`; models.dev.
PAGES = {
    genai.SOURCE: "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json",
    litellm_table.SOURCE: "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
    models_dev.SOURCE: "https://models.dev/api.json",
}
DEFAULT = (genai.SOURCE, litellm_table.SOURCE)
PIP = "pip"
OWN = "own"


@dataclass(slots=True)
class Gathered:
    """What the sources say. `read` are those that were, with a version or a digest."""

    catalog: Catalog | None = None
    table: dict[str, Document] | None = None
    overlays: dict[str, Document] = field(default_factory=dict)
    own: dict[str, Document] = field(default_factory=dict)  # provider/model -> as in a config
    read: dict[str, str] = field(default_factory=dict)

    def sources(self, folder: Path) -> Sources:
        """As the maker of the book takes them; `folder` is the book's."""
        return Sources(
            folder,
            catalog=self.catalog or Catalog([]),
            table=self.table or {},
            overlays=self.overlays,
            versions=self.read,
        )

    def speaks_of(self, source: str | None) -> bool:
        """Whether what a price names as its source was read now."""
        first = (source or "").partition(",")[0].strip()
        return (
            (first == genai.SOURCE and self.catalog is not None)
            or (first == litellm_table.SOURCE and self.table is not None)
            or (first == models_dev.SOURCE and bool(self.overlays))
        )


def gather(names: Iterable[str], day: str) -> Gathered:
    """Everything that the named sources say on that day. Raises `PriceError` for the first bad."""
    gathered = Gathered()
    for name in names:
        if name == PIP:
            with temporary() as folder:
                document, version = wheel.read_wheel(download_wheel(genai.SOURCE, Path(folder)))
            _add(gathered, document, f"{name} ({genai.SOURCE})", version, day)
            continue
        where = PAGES.get(name, name)
        if "://" in where:
            content = fetch(where)
        elif where.endswith(".whl"):
            document, version = wheel.read_wheel(Path(where))
            _add(gathered, document, name, version, day)
            continue
        else:
            content = read_file(Path(where))
        digest = hashlib.blake2b(content, digest_size=6).hexdigest()
        _add(gathered, _document(content, name), name, f"{day}, {digest}", day)
    return gathered


def _document(content: bytes, name: str) -> Any:
    try:
        return json.loads(
            content, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object
        )
    except (ValueError, RecursionError) as error:
        if name.endswith((".yaml", ".yml")):
            return exact(parse_yaml(content, name))
        raise PriceError(f"{name}: it is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> Document:
    """An object: parsers differ in which of two equal names counts, and one of them is cheaper."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    for name, value in pairs:
        if found[name] != value:
            raise ValueError(f"{name[:80]!r} stands there twice, and differs")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no amount")


def _add(gathered: Gathered, document: Any, name: str, version: str, day: str) -> None:
    if isinstance(document, list):
        gathered.catalog = Catalog(document)
        count = sum(len(each["models"]) for each in document)
    elif not isinstance(document, dict) or not document:
        raise PriceError(f"{name}: it has no prices in a form that is known here")
    elif all("/" in str(key) and isinstance(each, dict) for key, each in document.items()) and all(
        "litellm_provider" not in each for each in document.values()
    ):
        for key, fields in document.items():
            parse_override(str(key), fields)
        gathered.own.update(document)
        count = len(document)
    elif any(isinstance(e, dict) and "litellm_provider" in e for e in document.values()):
        gathered.table = litellm_table.entries(document)
        count = len(gathered.table)
    elif not any(isinstance(e, dict) and "models" in e for e in document.values()):
        raise PriceError(f"{name}: it has no prices in a form that is known here")
    else:
        gathered.overlays.update(models_dev.overlays(document, day))
        count = sum(len(each["models"]) for each in gathered.overlays.values())
    if not count:
        raise PriceError(f"{name}: it lists no model whose price can be read")
    if count > MODELS_MAX:
        raise PriceError(f"{name}: {several(count, 'model')}: so many there are not")
    gathered.read[name] = version
