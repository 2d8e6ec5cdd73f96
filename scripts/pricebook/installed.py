"""The sources at the versions that are installed here: what a release's book is made from."""

import importlib.util
import json
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from llmcap.tariffs import genai, litellm_table, wheel
from llmcap.tariffs.build import Sources
from llmcap.tariffs.genai import Catalog

LITELLM_FILE = "model_prices_and_context_window_backup.json"


def sources(folder: Path) -> Sources:
    """Both packages' data, read as the files that they are; neither is imported."""
    data = (_folder("genai_prices") / "data.py").read_text()
    table = json.loads((_folder("litellm") / LITELLM_FILE).read_text(), parse_float=Decimal)
    return Sources(
        folder,
        catalog=Catalog(wheel.document_of(data)),
        table=litellm_table.entries(table),
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """The installed version of each source."""
    return {
        genai.SOURCE: version(genai.SOURCE),
        litellm_table.SOURCE: version(litellm_table.SOURCE),
    }


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None, f"{package} has no files"
    return Path(spec.origin).parent
