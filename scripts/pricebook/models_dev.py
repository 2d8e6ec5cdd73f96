"""
Makes overlays of vendors that neither genai-prices nor litellm prices, from models.dev (MIT).

    git clone https://github.com/anomalyco/models.dev
    PYTHONPATH=scripts:addons python -m pricebook.models_dev models.dev 2026-07-02 pricing/overlay

The day is that of the last commit. models.dev is no package, so the overlays are kept, and made
again only when someone looks. Only what a chat of text costs is taken: other units have no price
there, and zero means unknown as often as free.
"""

import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcap.tariffs.models_dev import RATES, SHORT, SOURCE, VENDORS, dearer, entry

from .emit import plain

Document = dict[str, Any]
HEAD = """\
# From models.dev (MIT, github.com/anomalyco/models.dev), by scripts/pricebook/models_dev.py.
models:
"""


def main(checkout: Path, day: str, overlay: Path) -> None:
    """Write an overlay for each vendor."""
    for vendor, lists in VENDORS.items():
        models: dict[str, Document] = {}
        for name in lists:
            for model, fields in listed(checkout, name):
                short = model.rpartition("/")[2] if vendor in SHORT else model
                if made := entry(fields):
                    models[short] = dearer(models[short], made) if short in models else made
        lines = [
            line(model, models[model], f"{SOURCE}, {day}")
            for model in sorted(models, key=str.lower)
        ]
        (overlay / f"{vendor}.yaml").write_text(HEAD + "\n".join(lines) + "\n")


def listed(checkout: Path, name: str) -> Iterator[tuple[str, Document]]:
    """The models of a list with what they take over from the model that they are."""
    folder = checkout / "providers" / name / "models"
    for path in sorted(each for each in folder.rglob("*.toml") if each.is_file()):
        fields = tomllib.loads(path.read_text(), parse_float=Decimal)
        base: Document = {}
        if "base_model" in fields:
            origin = checkout / "models" / f"{fields['base_model']}.toml"
            base = tomllib.loads(origin.read_text(), parse_float=Decimal)
        fields["limit"] = {**base.get("limit", {}), **fields.get("limit", {})}
        yield path.relative_to(folder).with_suffix("").as_posix(), {**base, **fields}


def line(model: str, made: Document, source: str) -> str:
    """A model of an overlay. That it does not reason is not believed: no price depends on it."""
    parts = [
        f"{key}: {str(made[key]).lower()}"
        for key in ("context_window", "max_output", "reasons")
        if made[key] is not None
    ]
    parts.append(f"limits: {SOURCE}")
    price = f"since: null, source: '{source}', rates: {_rates(made['rates'])}"
    tiers = [
        f"{{above: {each['above']}, rates: {_rates(each['rates'])}}}" for each in made["tiers"]
    ]
    if tiers:
        price += f", tiers: [{', '.join(tiers)}]"
    return f"  '{model}': {{{', '.join(parts)}, prices: [{{{price}}}]}}"


def _rates(made: dict[str, Decimal]) -> str:
    ordered = [unit for unit in dict.fromkeys(RATES.values()) if unit in made]
    return "{" + ", ".join(f"{unit}: {plain(made[unit])}" for unit in ordered) + "}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
