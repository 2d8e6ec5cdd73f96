"""
What newer sources would change in the book, and which of it may be taken without a person.

Sources copy one another, and some day one of them is wrong. So nothing gets cheaper unless somebody
said so; what changes by more than four times, what a source dates into the past and what no vendor
would ask waits for a person who names it; and a list in which everything changes at once is none.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from llmcap.pricing.entries import parse_model
from llmcap.pricing.units import SIDE_UNITS
from llmcap.tariffs.timeline import Rows, Step, Terms, amounts, at, dearer, joined, steps
from llmcap.words.errors import PriceError
from llmcap.words.usage import Price

Document = dict[str, Any]

TIMES_MAX = 4  # a price that changes by more than that waits for a person
AT_ONCE_MIN, AT_ONCE_PART = 40, 3  # so many changes, and a third of all: the list is not believed
EVERYTHING = "*"

FEW = 10  # models: of so few nobody knows what their vendor would ask for another
DOLLARS_MAX = 100_000  # nobody asks more for a price unit of anything
MODELS_MAX = 20_000
_BY_THE_CALL = frozenset(("request", "search_unit"))  # what is paid for its input, too
NAME_CHARS_MAX = 200
# Ids of models as vendors write them; what looks like a way through folders is none.
_NAME = re.compile(r"[A-Za-z0-9@~][A-Za-z0-9@._:/+~,()\[\] =-]*")
_PLAIN = ("input", "output")
_NO_RATES: Mapping[str, Decimal] = MappingProxyType({})


class Fate(StrEnum):
    """What becomes of a change."""

    TAKEN = "taken"
    PARTLY = "partly"  # what is dearer is taken, what is cheaper waits for --accept-cuts
    CUT = "cut"  # waits for --accept-cuts
    WAITS = "waits"  # for a person who names it
    REFUSED = "refused"  # it is no price


@dataclass(frozen=True, slots=True)
class Change:
    """One model that newer sources price otherwise, or newly."""

    provider: str
    model: str
    fate: Fate
    steps: tuple[Step, ...] = ()
    new: bool = False
    why: str = ""
    document: Document = field(default_factory=dict, compare=False)  # what is taken, if anything

    @property
    def key(self) -> str:
        """As prices are named in a config."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person allows: cuts, and models by name (`*`: all)."""

    cuts: bool = False
    named: frozenset[str] = frozenset()

    def names(self, key: str) -> bool:
        """Whether this model was named."""
        return EVERYTHING in self.named or key in self.named


Found = Callable[[str], Price | None]  # what the book finds for a name now


def changes(
    provider: str,
    old: Document,
    made: Document,
    now: str,
    wishes: Wishes,
    others: Mapping[str, Mapping[str, Decimal]],
    find: Found,
) -> Iterator[Change]:
    """
    What is different at one provider, model by model.

    `old` and `made` are its documents, as the book stands and as the sources make it; `others` are
    the rates of models at a second source, by id.
    """
    names, terms = Names(old, made), Terms(old)
    bounds = _bounds(old) if len(old["models"]) >= FEW else {}
    for model, fields in made["models"].items():
        if not _is_name(model):
            text = "this is no name of a model"
            yield Change(provider, model[:NAME_CHARS_MAX], Fate.REFUSED, new=True, why=text)
            continue
        if not _is_sane(fields):
            text = f"it has an amount above ${DOLLARS_MAX:,}, or one that is none"
            yield Change(provider, model, Fate.REFUSED, new=model not in old["models"], why=text)
            continue
        known = old["models"].get(model)
        found = (
            _new(provider, model, fields, now, bounds, wishes, find(model))
            if known is None
            else _changed(provider, model, known, fields, now, wishes, others.get(model), terms)
        )
        if found is None:
            continue
        found = replace(found, document=names.kept(model, found.document))
        yield _checked(found, wishes)


def too_many(found: Sequence[Change], known: int) -> bool:
    """Whether so much of the book changes at once that it cannot be today's news."""
    changed = sum(not each.new for each in found)
    return changed > max(AT_ONCE_MIN, known // AT_ONCE_PART)


def _is_name(model: str) -> bool:
    parts = model.split("/")
    return (
        len(model) <= NAME_CHARS_MAX
        and _NAME.fullmatch(model) is not None
        and not any(part in ("", ".", "..") for part in parts)
    )


def _is_sane(fields: Document) -> bool:
    found = [amounts([row]).values() for row in fields["prices"]]
    return all(0 <= amount <= DOLLARS_MAX for each in found for amount in each)


# --- a model that is known -------------------------------------------------------------------


def _changed(
    provider: str,
    model: str,
    known: Document,
    fields: Document,
    now: str,
    wishes: Wishes,
    other: Mapping[str, Decimal] | None,
    terms: Terms,
) -> Change | None:
    rows = joined(known["prices"], fields["prices"], now)
    accepted = wishes.names(f"{provider}/{model}")
    why = ""
    if other is not None and not (accepted or wishes.cuts):
        rows, why = _dearer_source(known["prices"], rows, other, now)
    stood = terms.whole(model, known["prices"])
    found = steps(stood, terms.whole(model, rows), now)
    limits = _limits(known, fields, lower=accepted or wishes.cuts)
    if not found and not limits:
        return None
    document = {**known, **limits, "prices": rows}
    plain = Change(provider, model, Fate.TAKEN, tuple(found), why=why, document=document)
    if accepted:
        return plain
    if past := _dated_back(known["prices"], fields["prices"], found, now):
        return replace(plain, fate=Fate.WAITS, why=f"it is dated back to {past}")
    if far := [step for step in found if step.ratio > TIMES_MAX]:
        told = f"{far[0].name} is changed by more than {TIMES_MAX} times"
        return replace(plain, fate=Fate.WAITS, why=told)
    cuts = [step for step in found if step.after < step.before]
    if not cuts or wishes.cuts:
        return plain
    raised = dearer(stood, rows, now)
    if not steps(stood, terms.whole(model, raised), now):
        return replace(plain, fate=Fate.CUT, document={**known, **limits} if limits else {})
    return replace(plain, fate=Fate.PARTLY, document={**document, "prices": raised})


def _dearer_source(
    old: Rows, rows: Rows, other: Mapping[str, Decimal], now: str
) -> tuple[Rows, str]:
    """Where two sources disagree about a price that changes now, the dearer of both."""
    current, stood = at(rows, now), amounts(at(old, now))
    if len(current) != 1 or current[0]["since"] != now:
        return rows, ""
    rates = current[0]["rates"]
    if all(stood.get(("", "", 0, unit)) == other.get(unit) for unit in _PLAIN):
        return rows, ""  # the other has not heard of it yet
    apart = [unit for unit in _PLAIN if unit in rates and rates[unit] != other.get(unit, 0)]
    if not apart:
        return rows, ""
    most = {unit: max(rate, other.get(unit, rate)) for unit, rate in rates.items()}
    raised = [{**row, "rates": most} if row is current[0] else row for row in rows]
    return raised, f"two sources disagree about {' and '.join(apart)}: the dearer counts"


def _dated_back(old: Rows, new: Rows, found: Sequence[Step], now: str) -> str:
    """The day in the past on which a source lets a price begin that the book does not have."""
    known = {row["since"] for row in old}
    if not any(step.since == now for step in found):
        return ""
    past = [row["since"] for row in at(new, now) if row["since"] and row["since"] not in known]
    return max((day for day in past if day[:10] < now[:10]), default="")


def _limits(known: Document, fields: Document, *, lower: bool) -> Document:
    """The bounds of a model as they are now: larger ones, and smaller only where that is wanted."""
    found: Document = {}
    for key in ("context_window", "max_output"):
        was, now = known.get(key), fields.get(key)
        if key == "max_output" and "limits" not in fields:
            continue  # nobody says it: it is what the window allows
        if now and (was is None or now > was or (lower and now < was)):
            found[key] = now
    if found and "limits" in fields:
        found["limits"] = fields["limits"]
    return found


# --- a model that is new ---------------------------------------------------------------------


def _new(
    provider: str,
    model: str,
    fields: Document,
    now: str,
    bounds: Mapping[str, tuple[Decimal, Decimal]],
    wishes: Wishes,
    before: Price | None,
) -> Change | None:
    rows = [
        # Nobody was billed by it: it holds as far back as anybody may ask.
        {**row, "since": None} if row is fields["prices"][0] else row
        for row in fields["prices"]
    ]
    shown = tuple(
        Step(now, unit, Decimal(0), Decimal(rate)) for unit, rate in rows[-1]["rates"].items()
    )
    plain = Change(
        provider, model, Fate.TAKEN, shown, new=True, document={**fields, "prices": rows}
    )
    for row in rows:
        if not any(rate for unit, rate in row["rates"].items() if unit not in SIDE_UNITS):
            return replace(plain, fate=Fate.WAITS, why="it is said to cost nothing")
        if told := _half_free(row["rates"], fields):
            return replace(plain, fate=Fate.WAITS, why=told)
        for unit, rate in row["rates"].items():
            low, high = bounds.get(unit, (None, None))
            if low is None or high is None or not rate:
                continue
            if rate > high * TIMES_MAX or rate * TIMES_MAX < low:
                told = f"{unit} at {rate:f} is far from all that {provider} asks"
                return replace(plain, fate=Fate.WAITS, why=told)
    # A name that was found elsewhere, at a seller's vendor or as a snapshot, had a price already.
    stood = before.rates if before is not None else _NO_RATES
    cuts = [
        Step(now, unit, stood[unit], Decimal(rate))
        for unit, rate in rows[-1]["rates"].items()
        if rate < stood.get(unit, 0)
    ]
    if cuts and not wishes.cuts:
        return replace(plain, fate=Fate.CUT, new=False, steps=tuple(cuts), document={})
    if before is not None and all(
        stood.get(unit) == rate for unit, rate in rows[-1]["rates"].items()
    ):
        return None
    return plain


def _half_free(rates: Mapping[str, Decimal], fields: Document) -> str:
    """
    Why a price of a text model is no price: one way costs something, and the other nothing.

    What embeds has no output to pay for; what its list says not to think is no text model.
    """
    read, written = rates.get("input"), rates.get("output")
    if read is None or written is None or rates.keys() & _BY_THE_CALL:
        return ""
    if written > read == 0:
        return "its input is said to cost nothing"
    if read > written == 0 and fields.get("reasons") is not False:
        return "its output is said to cost nothing"
    return ""


def _bounds(document: Document) -> dict[str, tuple[Decimal, Decimal]]:
    """By unit the least and the most that a provider asks of any of its models."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for fields in document["models"].values():
        for row in fields["prices"]:
            for unit, rate in row["rates"].items():
                if rate:
                    low, high = found.get(unit, (rate, rate))
                    found[unit] = (min(low, rate), max(high, rate))
    return found


# --- both ------------------------------------------------------------------------------------


class Names:
    """Whose ids and aliases are whose: a name that is taken stays with its model."""

    def __init__(self, old: Document, made: Document) -> None:
        self._owners = {str(model).lower(): model for model in (*old["models"], *made["models"])}
        for model, fields in old["models"].items():
            for alias in fields.get("aliases", ()):
                self._owners.setdefault(str(alias).lower(), model)

    def kept(self, model: str, document: Document) -> Document:
        """The model with those of its aliases that are nobody else's."""
        if not document:
            return document
        aliases = [
            alias
            for alias in document.get("aliases", ())
            if _is_name(str(alias)) and self._owners.setdefault(str(alias).lower(), model) == model
        ]
        return {**document, "aliases": aliases}


def _checked(change: Change, wishes: Wishes) -> Change:
    """The change, refused where what it makes is no price; what a person named is taken."""
    if not change.document:
        return change
    try:
        parse_model(change.provider, change.model, change.document, _NO_RATES)
    except (PriceError, TypeError, ValueError, KeyError, AttributeError) as error:
        return replace(change, fate=Fate.REFUSED, why=str(error).partition("\n")[0], document={})
    if change.fate is Fate.WAITS and wishes.names(change.key):
        return replace(change, fate=Fate.TAKEN)
    return change
