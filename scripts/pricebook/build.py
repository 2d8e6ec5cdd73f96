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
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcap.pricing.files import parse_yaml
from llmcap.pricing.units import TOKEN_UNITS

from . import genai, litellm_table

Document = dict[str, Any]

OVERLAY = "overlay"
MODALITIES = ("input_audio", "cache_read_audio", "output_audio", "input_image", "output_image")
TOKENS = frozenset(TOKEN_UNITS)
PASSED_ON = ("snapshots", "rewrites", "fallback", "vendors", "routes", "fees", "any_model")

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


class Sources:
    """Everything that is read once: litellm's table by provider, and the overlay folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / OVERLAY
        self.rules = parse_yaml((self.folder / "providers.yaml").read_bytes(), "providers.yaml")
        self.seen = parse_yaml((self.folder / "seen.yaml").read_bytes(), "seen.yaml")
        self.table: dict[str, dict[str, Document]] = {}
        for key, fields in litellm_table.read().items():
            self.table.setdefault(fields["litellm_provider"], {})[key] = fields

    def providers(self) -> dict[str, Document]:
        """Every provider of the book with its rules; those of genai-prices need none."""
        named = {rules.get("genai", name) for name, rules in self.rules.items()}
        rest = {genai_id: {} for genai_id in genai.provider_ids() if genai_id not in named}
        return dict(sorted({**self.rules, **rest}.items()))

    def overlay(self, provider: str) -> Document:
        """The hand-made entries of one provider, as the book's own documents."""
        path = self.folder / f"{provider}.yaml"
        return exact(parse_yaml(path.read_bytes(), path.name)) if path.is_file() else {}

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


def document(name: str, rules: Document, sources: Sources, checked: str) -> Document:
    """The whole file of one provider."""
    overlay = sources.overlay(name)
    listed = sources.listed(rules)
    models = _models(name, rules, sources, listed)
    if "list_of" in rules:
        _complete_by_vendor(models, rules["list_of"])
    for model, patch in overlay.get("models", {}).items():
        models[model] = patched(models.get(model), patch, model)
    _settle_names(models, overlay.get("models", {}))
    for model, fields in models.items():
        fields.setdefault("reasons", not CLASSIC.search(model))
        for entry in fields["prices"]:
            _close(entry["rates"])
            if fields["reasons"] and "output" in entry["rates"]:
                entry["rates"] = {**entry["rates"], **exact(rules.get("fees_reasoning", {}))}
        window = fields.get("context_window")
        if window and "max_output" not in fields and _writes(fields):
            fields["max_output"] = window
    head: Document = {"provider": name, "name": overlay.get("name") or rules.get("name") or name}
    head["source"] = rules.get("source") or _pages(name, rules)
    head["sources"] = {
        genai.SOURCE: genai.installed(),
        litellm_table.SOURCE: litellm_table.installed(),
    }
    head["checked"] = checked
    for key in PASSED_ON:
        if key in rules:
            head[key] = exact(rules[key])
    head["models"] = {model: _ordered(models[model]) for model in sorted(models, key=str.lower)}
    return head


def _models(
    name: str, rules: Document, sources: Sources, listed: dict[str, Document]
) -> dict[str, Document]:
    genai_id = rules.get("genai", name)
    if "gathers" in rules:
        return _routed(rules["gathers"])
    if genai_id not in genai.provider_ids():
        return {model: made for model, fields in listed.items() if (made := _only_listed(fields))}
    source = genai.provider(genai_id)
    only = re.compile(rules.get("only", ""))
    models = genai.models(source, lambda model: bool(only.search(model)))
    literal = {
        each.lower(): model
        for model, fields in models.items()
        for each in (*fields["aliases"], model)
    }
    matched: dict[str, list[str]] = {}
    for listed_name, fields in listed.items():
        found = source.find_model(listed_name)
        model = literal.get(listed_name.lower()) or (found.id if found else None)
        if model not in models:
            made = _only_listed(fields)
            if made:
                models[listed_name] = made
        elif listed_name.lower() in literal or _same_tokens(models[model], fields):
            matched.setdefault(model, []).append(listed_name)
        else:
            made = _only_listed(fields)
            if made:
                models[listed_name] = made
    for model, names in matched.items():
        names.sort(key=lambda each: (each.lower() != model.lower(), each not in literal, each))
        for each in names:
            _complete(models[model], listed[each])
            if each.lower() not in literal:
                models[model]["aliases"].append(each.lower())
    for seen in sources.seen.get(name, ()):
        found = source.find_model(seen)
        if found is not None and found.id in models and seen.lower() not in literal:
            models[found.id]["aliases"].append(seen.lower())
    return models


def _routed(prefix: str) -> dict[str, Document]:
    """
    A router's models: `model:provider` at that provider's price, `model` at the dearest of them.

    Only the router knows whom it picks, so a bare id is priced at the highest of each rate.
    """
    models: dict[str, Document] = {}
    for genai_id in genai.provider_ids():
        if not genai_id.startswith(prefix):
            continue
        route = genai_id.removeprefix(prefix)
        for model, fields in genai.models(genai.provider(genai_id), lambda _: True).items():
            aliases = fields["aliases"]
            models[f"{model}:{route}"] = {
                **fields, "aliases": [f"{alias}:{route}" for alias in aliases]
            }  # fmt: skip
            any_route = models.setdefault(
                model,
                {
                    "aliases": [*aliases, model.rpartition("/")[2].lower()],
                    "context_window": fields["context_window"],
                    "prices": [{"since": None, "source": genai.SOURCE, "rates": {}}],
                },
            )
            rates = any_route["prices"][0]["rates"]
            for unit, rate in fields["prices"][-1]["rates"].items():
                rates[unit] = max(rate, rates.get(unit, rate))
            window = fields["context_window"]
            if window and window > (any_route["context_window"] or 0):
                any_route["context_window"] = window
    return models


def _complete_by_vendor(models: dict[str, Document], vendors: Mapping[str, str]) -> None:
    """
    Sound and pictures of a gateway's models, from the vendor's own list.

    A gateway that lists only text prices passes the vendor's other prices on; so where both agree on
    the price of a token, what the gateway is silent about is taken from the vendor.
    """
    for vendor, genai_id in vendors.items():
        theirs = genai.models(genai.provider(genai_id), lambda _: True)
        for model, fields in models.items():
            own = theirs.get(model.removeprefix(f"{vendor}/"))
            if own is None or not model.startswith(f"{vendor}/"):
                continue
            listed = own["prices"][-1]["rates"]
            for entry in fields["prices"]:
                if any(entry["rates"].get(unit) != listed.get(unit) for unit in ("input", "output")):
                    continue
                for unit in MODALITIES:
                    if unit in listed and unit not in entry["rates"]:
                        entry["rates"][unit] = listed[unit]
                        entry["source"] = f"{genai.SOURCE}, {genai.SOURCE} ({genai_id})"


def _only_listed(fields: Document) -> Document | None:
    price = litellm_table.price(fields)
    if not price:
        return None
    made: Document = {"aliases": []}
    limits = litellm_table.limits(fields)
    if limits:
        made.update(limits, limits=litellm_table.SOURCE)
    thinks = litellm_table.thinks(fields)
    if thinks is not None:
        made["reasons"] = thinks
    made["prices"] = [{"since": None, "source": litellm_table.SOURCE, **price}]
    return made


def _same_tokens(model: Document, fields: Document) -> bool:
    """Whether the newest prices of a plain token agree."""
    rates = litellm_table.price(fields).get("rates")
    newest = model["prices"][-1]["rates"]
    return rates is not None and all(
        newest.get(unit) == rates.get(unit) for unit in ("input", "output")
    )


def _complete(model: Document, fields: Document) -> None:
    """Add what only litellm says about a model that both list."""
    for key, value in litellm_table.limits(fields).items():
        if not model.get(key):
            model[key] = value
            model["limits"] = litellm_table.SOURCE
    thinks = litellm_table.thinks(fields)
    if thinks is not None:
        model.setdefault("reasons", thinks)
    price = litellm_table.price(fields)
    if not price:
        return
    for entry in model["prices"]:
        if "hours" in entry or any(
            entry["rates"].get(unit) != price["rates"].get(unit) for unit in ("input", "output")
        ):
            continue
        added = False
        for unit, rate in price["rates"].items():
            if unit not in entry["rates"]:
                entry["rates"][unit] = rate
                added = True
        for term, variant in price.get("variants", {}).items():
            variants = entry.setdefault("variants", {})
            if term not in variants:
                variants[term] = variant
                added = True
        if added and litellm_table.SOURCE not in entry["source"]:
            entry["source"] += f", {litellm_table.SOURCE}"


def patched(model: Document | None, patch: Document, name: str) -> Document:
    """
    A model with the overlay's word over it.

    `rates` and `variants` of the patch change every price of the history, `days` those that hold at
    certain hours; `changes` date a change of rates; `prices` replaces the history; `aliases` are
    added; the rest replaces what it names.
    """
    made: Document = {"aliases": [], **(model or {})}
    patch = dict(patch)
    made["aliases"] = sorted({*made["aliases"], *(str(each) for each in patch.pop("aliases", ()))})
    source, days = patch.pop("source", None), patch.pop("days", None)
    changes = patch.pop("changes", ())
    rates, variants = patch.pop("rates", {}), patch.pop("variants", {})
    if "prices" not in made and "prices" not in patch:
        made["prices"] = [{"since": None, "source": source, "rates": {}}]
    made.update(patch)
    if days:
        made["prices"] = [
            {**entry, "days": days} if "hours" in entry else entry for entry in made["prices"]
        ]
    if rates or variants:
        assert source, f"overlay: {name} must name its source"
        made["prices"] = [_patched_entry(entry, rates, variants, source) for entry in made["prices"]]
    for change in changes:
        made["prices"] = _changed(made["prices"], change)
    return made


def _changed(prices: list[Document], change: Document) -> list[Document]:
    """The history with some rates different from a date on."""
    day, source, rates = change["since"], change["source"], change["rates"]
    before = [entry for entry in prices if (entry["since"] or "") < day]
    after = [entry for entry in prices if (entry["since"] or "") >= day]
    whole_days = [entry for entry in before if "hours" not in entry]
    begun = whole_days[-1]["since"] or "" if whole_days else ""
    current = [
        {**_patched_entry(entry, rates, {}, source), "since": day}
        for entry in before
        if (entry["since"] or "") >= begun
    ]
    return [*before, *current, *(_patched_entry(entry, rates, {}, source) for entry in after)]


def _patched_entry(entry: Document, rates: Document, variants: Document, source: str) -> Document:
    entry = {**entry, "rates": {**entry["rates"], **rates}}
    if variants:
        entry["variants"] = {**entry.get("variants", {}), **variants}
    if source not in str(entry["source"]):
        entry["source"] = f"{entry['source']}, {source}"
    return entry


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
    keys = ("aliases", "context_window", "max_output", "reasons", "limits", "note", "prices")
    made = {key: fields[key] for key in keys if fields.get(key) not in (None, [])}
    entry_keys = ("since", "hours", "days", "source", "rates", "tiers", "variants")
    made["prices"] = [
        {key: entry[key] for key in entry_keys if key in entry} for entry in fields["prices"]
    ]
    return made


def _close(rates: Document) -> None:
    """What is sold by the second, the page or the picture does not bill the tokens it reports."""
    if rates and not TOKENS & set(rates):
        rates.update(input=Decimal(0), output=Decimal(0))


def _writes(fields: Document) -> bool:
    return any(entry["rates"].get("output") for entry in fields["prices"])


def _pages(name: str, rules: Document) -> str:
    genai_id = rules.get("genai", name)
    if genai_id in genai.provider_ids():
        return (genai.provider(genai_id).pricing_urls or [""])[0]
    return ""


def exact(value: Any) -> Any:
    """Documents from YAML keep decimals as text; here they become numbers again."""
    if isinstance(value, dict):
        return {key: exact(each) for key, each in value.items()}
    if isinstance(value, list):
        return [exact(each) for each in value]
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d+", value):
        return Decimal(value)
    return value


def today() -> str:
    """The date that a changed file is marked with."""
    return date.today().isoformat()
