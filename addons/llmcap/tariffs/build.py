"""
One provider's document of the price book, from the sources and the overlay.

Who says what:

1. The overlay's word is final, model by model.
2. genai-prices gives history, names and prices of what it lists.
3. litellm gives models that it alone lists, and of the others what genai-prices is silent about
   (maximum output, units, terms) where both agree on the price of a token. An id that litellm lists
   at a price of its own and that genai-prices knows by pattern only is litellm's.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcap.pricing.files import parse_yaml
from llmcap.pricing.units import TOKEN_UNITS
from llmcap.tariffs import carry, litellm_table, merge, vendor_terms
from llmcap.tariffs.genai import Catalog
from llmcap.tariffs.modes import with_modes
from llmcap.tariffs.overlay import exact, patched
from llmcap.tariffs.regions import with_regions

Document = dict[str, Any]

OVERLAY = "overlay"
TOKENS = frozenset(TOKEN_UNITS)
PASSED_ON = (
    "snapshots", "rewrites", "fallback", "vendors", "routes", "fees", "terms", "any_model"
)  # fmt: skip

# Families that never spend hidden reasoning, by how their ids begin (after a vendor's prefix). All
# others may: a model that nobody described is taken to think.
CLASSIC = re.compile(
    r"(^|[./])("
    r"gpt-4o|gpt-4\.1|gpt-4(-|$)|gpt-4\.5|gpt-3\.5|gpt-35|chatgpt-4o|davinci|babbage|curie|ada$|text-"
    r"|claude-(v?[12]|instant|3-(opus|sonnet|haiku|5)|3\.5)"
    r"|gemini-(pro|1|2\.0)|gemma-?[123]|palm|(chat|text)-bison"
    r"|(meta-)?llama-?[23]|codellama"
    r"|(open-)?mi[sx]tral-(7b|8x|tiny|nemo|embed|small-(2[45]|3)|large-2[45]|medium-23)|open-mi"
    r"|ministral|pixtral|codestral|devstral"
    r"|command(-light|-nightly|-r|-text|$)|command-a-03|embed|rerank|c4ai"
    r"|titan|nova-(micro|lite|pro|premier)-v1|j2-|jamba|deepseek-(chat-v3|coder|v3-0324)"
    r"|qwen-?(1|2|2\.5)-|grok-(2|beta|vision)|phi-[123]|dbrx|yi-|mpt-|sonar(-pro)?$|voyage"
    r"|moderation|omni-moderation|whisper|tts|dall-e|imagen|veo|stable|flux"
    r")",
    re.IGNORECASE,
)


# Who makes a model that others sell too, by how its id begins: litellm's name of the maker.
MAKERS = (
    (re.compile(r"(^|[./])claude-", re.IGNORECASE), "anthropic"),
    (re.compile(r"(^|[./])(gpt-[3-9]|chatgpt-|o[1-9](-|$))", re.IGNORECASE), "openai"),
    (re.compile(r"(^|[./])gemini-", re.IGNORECASE), "gemini"),
    (re.compile(r"(^|[./])grok-", re.IGNORECASE), "xai"),
)


NO_MODELS: Mapping[str, Document] = MappingProxyType({})


class Sources:
    """
    Everything that is read once: the two lists, and the overlay folder of the book in `folder`.

    `table` are litellm's entries by their keys; `overlays` are hand-made ones in place of those in
    the folder; `versions` say by source what was read, for the head of each file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        catalog: Catalog,
        table: Mapping[str, Document],
        overlays: Mapping[str, Document] = NO_MODELS,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder / OVERLAY
        self.catalog = catalog
        self.overlays = overlays
        self.versions = dict(versions or {})
        self.rules = parse_yaml((self.folder / "providers.yaml").read_bytes(), "providers.yaml")
        self.seen = parse_yaml((self.folder / "seen.yaml").read_bytes(), "seen.yaml")
        self.table: dict[str, dict[str, Document]] = {}
        for key, fields in table.items():
            self.table.setdefault(fields["litellm_provider"], {})[key] = fields

    def providers(self) -> dict[str, Document]:
        """Every provider of the book with its rules; those of genai-prices need none."""
        named = {rules.get("genai", name) for name, rules in self.rules.items()}
        rest: dict[str, Document] = {
            genai_id: {} for genai_id in self.catalog.ids() if genai_id not in named
        }
        return dict(sorted({**self.rules, **rest}.items()))

    @property
    def is_partial(self) -> bool:
        """Whether one of the two lists was not read: then nobody says what that alone knows."""
        return not (self.table and self.catalog.ids())

    def speak_of(self, provider: str, rules: Document) -> bool:
        """Whether any list that was read has this provider."""
        prefix = rules.get("gathers")
        return (
            provider in self.overlays
            or rules.get("genai", provider) in self.catalog.ids()
            or any(name in self.table for name in rules.get("litellm", ()))
            or (prefix is not None and any(each.startswith(prefix) for each in self.catalog.ids()))
        )

    def most(self, maker: str) -> int | None:
        """The most that any model of a maker may write, as its own list documents it."""
        limits = map(litellm_table.limits, self.table.get(maker, {}).values())
        return max((each.get("max_output", 0) for each in limits), default=0) or None

    def overlay(self, provider: str) -> Document:
        """The hand-made entries of one provider, as the book's own documents."""
        if provider in self.overlays:
            return self.overlays[provider]
        path = self.folder / f"{provider}.yaml"
        return exact(parse_yaml(path.read_bytes(), path.name)) if path.is_file() else {}

    def rows(self, rules: Document) -> Iterator[tuple[str, Document]]:
        """All of litellm's entries for one provider, by their keys."""
        for source in (*rules.get("litellm", ()), *rules.get("beside", ())):
            yield from self.table.get(source, {}).items()

    def listed(self, rules: Document) -> dict[str, Document]:
        """litellm's entries for one provider, by the id that its API takes."""
        found: dict[str, Document] = {}
        for source in rules.get("litellm", ()):
            for key, fields in self.table.get(source, {}).items():
                name = key
                for prefix in rules.get("prefixes", ()):
                    name = name.removeprefix(prefix)
                if not litellm_table.SIZED.search(key) and not re.search(
                    rules.get("except", "$^"), key
                ):
                    found.setdefault(name, fields)
        return found


def document(
    name: str,
    rules: Document,
    sources: Sources,
    checked: str,
    *,
    old: Document | None = None,
    today: str | None = None,
) -> Document:
    """The whole file of one provider; `old` is it as it stands, `today` an ISO date."""
    overlay = sources.overlay(name)
    models = merge.models(
        name, rules, sources.catalog, sources.listed(rules), sources.seen.get(name, ())
    )
    if "list_of" in rules:
        merge.complete_by_vendor(models, rules["list_of"], sources.catalog)
    for model, patch in overlay.get("models", {}).items():
        models[model] = patched(models.get(model), patch, model)
    _settle_names(models, overlay.get("models", {}))
    if "regions" in rules:
        with_regions(models, sources.rows(rules), rules["regions"])
    known = (old or {}).get("models", {})
    for model, fields in models.items():
        if sources.is_partial and model in known:
            fields.setdefault("reasons", known[model].get("reasons", True))
        _finish(model, fields, exact(rules.get("fees_reasoning", {})), sources)
        modes = exact(rules.get("modes", {}))
        fields["prices"] = [with_modes(entry, modes) for entry in fields["prices"]]
    carry.carry(models, exact((old or {}).get("models", {})), today or this_day())
    head: Document = {"provider": name, "name": overlay.get("name") or rules.get("name") or name}
    head["source"] = rules.get("source") or _pages(name, rules, sources.catalog)
    head["sources"] = sources.versions
    head["checked"] = checked
    for key in PASSED_ON:
        if key in rules:
            head[key] = exact(rules[key])
    if terms := vendor_terms.of(models.values(), head.get("terms", {})):
        head["terms"] = terms
    head["models"] = {model: _ordered(models[model]) for model in sorted(models, key=str.lower)}
    return head


def _settle_names(models: dict[str, Document], overlay: Document) -> None:
    """Each alias belongs to one model, the overlay's word first; an id is nobody's alias."""
    owners = {model.lower(): model for model in models}
    for model, patch in overlay.items():
        for alias in patch.get("aliases", ()):
            owners.setdefault(str(alias).lower(), model)
    for model, fields in models.items():
        for alias in fields["aliases"]:
            owners.setdefault(alias.lower(), model)
    for model, fields in models.items():
        fields["aliases"] = sorted(
            alias
            for alias in {str(each) for each in fields["aliases"]}
            if owners[alias.lower()] == model and alias.lower() != model.lower()
        )


def _ordered(fields: Document) -> Document:
    keys = (
        "aliases", "context_window", "max_output", "reasons", "limits", "note", "serves", "prices"
    )  # fmt: skip
    made = {key: fields[key] for key in keys if fields.get(key) not in (None, [])}
    entry_keys = (
        "since",
        "hours",
        "days",
        "source",
        "carried",
        "ended",
        "rates",
        "tiers",
        "variants",
    )
    made["prices"] = [
        {key: entry[key] for key in entry_keys if key in entry} for entry in fields["prices"]
    ]
    return made


def _finish(model: str, fields: Document, fees_reasoning: Document, sources: Sources) -> None:
    """What follows from the rest: whether it thinks, its bounds, its fees."""
    fields.setdefault("reasons", not CLASSIC.search(model))
    for entry in fields["prices"]:
        _close(entry["rates"])
        if fields["reasons"] and "output" in entry["rates"]:
            entry["rates"] = {**entry["rates"], **fees_reasoning}
    _bound(model, fields, sources)


def _bound(model: str, fields: Document, sources: Sources) -> None:
    """
    The most that a model may write, where no source knows it: the whole window is what one says
    who does not know. Its maker's documented most is less, or else the window.
    """
    window = fields.get("context_window")
    if not window or not _writes(fields) or fields.get("max_output", window) < window:
        return
    maker = next((each for family, each in MAKERS if family.search(model)), None)
    most = sources.most(maker) if maker else None
    if most and most < window:
        fields.update(max_output=most, limits=f"{litellm_table.SOURCE} (most of {maker})")
    else:
        fields.setdefault("max_output", window)


def _close(rates: Document) -> None:
    """What is sold by the second, the page or the picture does not bill the tokens it reports."""
    if rates and not TOKENS & set(rates):
        rates.update(input=Decimal(0), output=Decimal(0))


def _writes(fields: Document) -> bool:
    return any(entry["rates"].get("output") for entry in fields["prices"])


def _pages(name: str, rules: Document, catalog: Catalog) -> str:
    genai_id = rules.get("genai", name)
    return (catalog.pages(genai_id) or [""])[0] if genai_id in catalog.ids() else ""


def this_day() -> str:
    """The date that a changed file is marked with."""
    return datetime.now(UTC).date().isoformat()
