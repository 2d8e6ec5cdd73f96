"""
Prices that a user took after the release: one file in the data folder, over the book that came.

`llmcap prices update` makes it, `llmcap prices reset` removes it, and running proxies look at it.
Each model in it is whole, with its history, and says when it was taken; a book that was checked
since knows better, except of models that it does not have. The file is written at once or not at
all, and carries the digest of what is in it: one that somebody cut short is not used.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcap.words.errors import PriceError
from llmcap.words.paths import data_folder, locked, make_folder, put_private

Document = dict[str, Any]

FILE_NAME = "prices.json"
FORMAT = 1
BYTES_MAX = 64 << 20

_NONE: Mapping[str, Mapping[str, Document]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Taken:
    """
    What was taken: provider -> model -> when (ISO, UTC) and the model as the book has it.

    `terms` are what vendors ask for terms of service, by provider, where that is dearer than the
    book says; `sources` say by name what was read, `changes` what it changed, in words.
    """

    at: str
    models: Mapping[str, Mapping[str, Document]] = _NONE
    terms: Mapping[str, Document] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    changes: tuple[str, ...] = ()

    def over(self, provider: str, document: Document) -> Document:
        """A provider's file of the book with what was taken since."""
        taken = self.models.get(provider)
        if not taken:
            return document
        checked = str(document.get("checked", ""))
        models = dict(document["models"])
        spelled = {str(model).lower() for model in models}
        for model, entry in taken.items():
            if model in models:
                # A day's book is made from the sources of that day.
                if str(entry["taken"])[:10] >= checked:
                    models[model] = entry["document"]
            elif model.lower() not in spelled:
                models[model] = entry["document"]
        merged = {**document, "models": models}
        if terms := self.terms.get(provider):
            merged["terms"] = {**document.get("terms", {}), **terms}
        return merged

    def names(self) -> frozenset[str]:
        """What was taken, as `provider/model`."""
        return frozenset(
            f"{provider}/{model}" for provider, models in self.models.items() for model in models
        )

    def without(self, names: frozenset[str]) -> "Taken":
        """The same but for these."""
        kept = {
            provider: {m: each for m, each in models.items() if f"{provider}/{m}" not in names}
            for provider, models in self.models.items()
        }
        return replace(self, models=kept)


def taken_path() -> Path:
    """Where it is kept: one for all of the user's proxies."""
    return data_folder() / FILE_NAME


def read_taken(path: Path) -> Taken | None:
    """What was taken, or None where nothing was. Raises `PriceError` for a file that is broken."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise _broken(path, f"it is larger than {BYTES_MAX >> 20} MB")
        document = json.loads(path.read_bytes(), parse_float=Decimal)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, str(error)) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _broken(path, "it is of another version")
    body = document.get("body")
    if not isinstance(body, dict) or document.get("digest") != _digest(body):
        raise _broken(path, "it is not as it was written")
    return Taken(
        at=body["at"],
        models=body["models"],
        terms=body["terms"],
        sources=body["sources"],
        changes=tuple(body["changes"]),
    )


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """
    Nobody else writes there in the meantime: what one took, another would put back.

    Raises `PriceError` for what cannot be written, in the meantime too.
    """
    try:
        make_folder(path.parent)
        with locked(path.with_name(f"{path.name}.lock")):
            yield
    except OSError as error:
        raise PriceError(
            f"{path}: newer prices cannot be kept there, those before stay in force: "
            f"{error.strerror}"
        ) from error


def write_taken(path: Path, taken: Taken) -> None:
    """Put the file in place, whole, for its owner only. For who is `alone` there."""
    body = {
        "at": taken.at,
        "models": taken.models,
        "terms": taken.terms,
        "sources": taken.sources,
        "changes": list(taken.changes),
    }
    plain = json.loads(_text(body))
    document = {"format": FORMAT, "digest": _digest(plain), "body": plain}
    put_private(path, json.dumps(document).encode())


def _digest(body: Document) -> str:
    return hashlib.blake2b(_text(body).encode(), digest_size=16).hexdigest()


def _text(body: Mapping[str, Any]) -> str:
    """One text for one document: amounts as text, so that they come back with all their digits."""
    return json.dumps(body, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else f"{value.normalize():f}"
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} has no place in a price")


def _broken(path: Path, reason: str) -> PriceError:
    return PriceError(
        f"{path}: the prices that were taken cannot be used: {reason}\n"
        "hint: `llmcap prices reset` goes back to those of the release"
    )
