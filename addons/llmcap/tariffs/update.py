"""
Newer prices without a release: the same merge as a release's, laid over the book in one file.

A proposal is made of what the sources say now; what of it is taken is written at once, and the past
keeps its prices. What left the sources stays as it was: calls of it are still asked about.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from llmcap.pricing import PriceBook
from llmcap.pricing.book import PROVIDER_KEYS
from llmcap.pricing.files import find_folder
from llmcap.pricing.taken import Taken
from llmcap.tariffs import build, litellm_table
from llmcap.tariffs.changes import Change, Fate, Wishes, changes, too_many
from llmcap.tariffs.gather import Gathered
from llmcap.tariffs.overlay import exact
from llmcap.words.errors import PriceError
from llmcap.words.usage import Price

Document = dict[str, Any]

_STEPS_MAX = 6  # amounts of one change that are told
_NEWS_MAX = 200  # lines about changes that are kept with the prices


@dataclass(frozen=True, slots=True)
class Proposal:
    """What newer sources would change; `gone` are models that they do not list any more."""

    at: str  # ISO, UTC
    changes: tuple[Change, ...]
    gone: tuple[str, ...] = ()
    terms: Mapping[str, Document] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    def of(self, *fates: Fate) -> list[Change]:
        """The changes of these fates."""
        return [each for each in self.changes if each.fate in fates]


def propose(
    gathered: Gathered,
    taken: Taken | None,
    wishes: Wishes,
    now: datetime,
    *,
    folder: Path | None = None,
) -> Proposal:
    """
    Lay the sources beside the book as it is in force. Raises `PriceError`.

    Sources in which everything is different at once are not believed, unless a person says so.
    """
    folder = folder or find_folder()
    book = PriceBook(folder, taken=taken)
    moment = now.astimezone(UTC).isoformat(timespec="seconds")
    sources = gathered.sources(folder)
    found: list[Change] = []
    gone: list[str] = []
    terms: dict[str, Document] = {}
    known = 0
    for provider, rules in sources.providers().items():
        if not (folder / f"{provider}.yaml").is_file() or not sources.speak_of(provider, rules):
            continue
        old = exact(book.document(provider))
        old["models"] = {str(model): fields for model, fields in old["models"].items()}
        made = _made(provider, rules, sources, old, moment)
        listed = _spoken_of(made, old, gathered)
        known += len(listed & old["models"].keys())
        made["models"] = {model: made["models"][model] for model in sorted(listed)}
        others = _others(rules, sources) if gathered.catalog is not None else {}
        find = partial(_found, book, provider, now)
        found += changes(provider, old, made, moment, wishes, others, find)
        gone += _gone(provider, old, made, gathered)
        terms[provider] = _dearer_terms(old, made)
    found += _own(gathered, book, wishes, now, moment)
    if too_many(found, known) and not wishes.named:
        count = sum(not each.new for each in found)
        raise PriceError(
            f"{count} of {known} known models would change at once: these are not today's prices\n"
            "hint: look at them with --show-all; `--accept '*'` takes them all the same"
        )
    found.sort(key=lambda each: (each.provider, each.model.lower()))
    kept = {provider: each for provider, each in terms.items() if each}
    return Proposal(moment, tuple(found), tuple(sorted(gone)), kept, gathered.read)


def adopt(proposal: Proposal, taken: Taken | None) -> Taken | None:
    """What is in force with all of the proposal that may be taken; None: there is nothing new."""
    fresh = [each for each in proposal.changes if each.document and is_taken(each)]
    if not fresh:
        return None
    models = {
        provider: dict(entries) for provider, entries in (taken.models if taken else {}).items()
    }
    for change in fresh:
        entry = {"taken": proposal.at, "document": change.document}
        models.setdefault(change.provider, {})[change.model] = entry
    terms = dict(taken.terms) if taken else {}
    for provider in models:
        if dearer := proposal.terms.get(provider):
            terms[provider] = {**terms.get(provider, {}), **dearer}
    before = taken.sources if taken else {}
    return Taken(
        at=proposal.at,
        models=models,
        terms=terms,
        sources={**before, **proposal.sources},
        changes=tuple(told(each) for each in fresh)[:_NEWS_MAX],
    )


def is_taken(change: Change) -> bool:
    """Whether any of a change is taken without more words."""
    return change.fate in (Fate.TAKEN, Fate.PARTLY)


def told(change: Change) -> str:
    """A change in one line: the model, what changes, since when, and why not where it waits."""
    parts = []
    if change.new:
        rates = [f"{step.name} ${_usd(step.after)}" for step in change.steps]
        parts.append(f"new: {', '.join(rates)}" if rates else "new")
    else:
        # What a term of service asks mostly follows the price: that is told first.
        plain = [step for step in change.steps if ", " not in step.name] or list(change.steps)
        shown = plain[:_STEPS_MAX]
        parts += [
            f"{step.name} ${_usd(step.before)} -> ${_usd(step.after)} from {step.since[:16]}"
            for step in shown
        ] or ["how much it reads or writes"]
        if more := len(change.steps) - len(shown):
            parts.append(f"and {more} more")
    if change.why:
        parts.append(change.why)
    return f"{change.key}: {'; '.join(parts)}"


def _usd(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- what the sources say ---------------------------------------------------------------------


def _made(
    provider: str,
    rules: Document,
    sources: build.Sources,
    old: Document,
    moment: str,
) -> Document:
    made = build.document(
        provider, rules, sources, str(old.get("checked", "")), old=old, today=moment
    )
    unknown = made.keys() - PROVIDER_KEYS
    assert not unknown, unknown
    return made


def _spoken_of(made: Document, old: Document, gathered: Gathered) -> set[str]:
    """Models of which the sources that were read are the first to be asked."""
    listed: set[str] = set()
    for model, fields in made["models"].items():
        if not gathered.speaks_of(fields["prices"][-1]["source"]):
            continue
        known = old["models"].get(model)
        if known is None or gathered.speaks_of(known["prices"][-1]["source"]):
            listed.add(model)
    return listed


def _others(rules: Document, sources: build.Sources) -> dict[str, Mapping[str, Decimal]]:
    """The rates of litellm's table at one provider, by id."""
    return {
        name: rates
        for name, fields in sources.listed(rules).items()
        if (rates := litellm_table.price(fields).get("rates"))
    }


def _gone(provider: str, old: Document, made: Document, gathered: Gathered) -> Iterator[str]:
    for model, fields in old["models"].items():
        if model not in made["models"] and gathered.speaks_of(fields["prices"][-1]["source"]):
            yield f"{provider}/{model}"


def _dearer_terms(old: Document, made: Document) -> Document:
    """What a vendor asks for a term by now, where that is more than the book says."""
    known = old.get("terms", {})
    return {
        term: rule
        for term, rule in made.get("terms", {}).items()
        if term not in known
        or Decimal(rule.get("factor", 1)) > Decimal(known[term].get("factor", 1))
    }


def _own(
    gathered: Gathered, book: PriceBook, wishes: Wishes, now: datetime, moment: str
) -> Iterator[Change]:
    """Prices in the form of the config, as changes of the models that they name."""
    by_provider: dict[str, dict[str, Document]] = {}
    for key, fields in gathered.own.items():
        provider, _, model = key.partition("/")
        by_provider.setdefault(provider, {})[model] = fields
    for provider, models in by_provider.items():
        if provider not in book.providers():
            raise PriceError(
                f"{provider}: there is no such provider in the price book\n"
                "hint: `llmcap prices` lists them; one of your own belongs into the config"
            )
        old = exact(book.document(provider))
        made = {
            model: _own_document(old["models"].get(model), each) for model, each in models.items()
        }
        find = partial(_found, book, provider, now)
        yield from changes(provider, old, {"models": made}, moment, wishes, {}, find)


def _found(book: PriceBook, provider: str, now: datetime, model: str) -> Price | None:
    return book.find(provider, model, now)


def _own_document(known: Document | None, fields: Document) -> Document:
    keys = ("context_window", "max_output", "reasons")
    price: Document = {"since": None, "source": "a file of the user's"}
    price["rates"] = {
        unit: Decimal(str(rate))
        for unit, rate in fields.items()
        if unit not in (*keys, "tiers", "variants")
    }
    price.update(exact({key: fields[key] for key in ("tiers", "variants") if key in fields}))
    said = {key: fields[key] for key in keys if key in fields}
    return {"aliases": [], **(known or {}), **said, "prices": [price]}
