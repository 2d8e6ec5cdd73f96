"""
One reader per kind of value: what is typed in, the checked value out, and the schema beside it.

A `Kind` pairs the function that reads with the JSON schema of what it takes, so that an editor and
the check at start cannot disagree about what exists. The check is the stricter of the two: a schema
cannot tell whether `5 * * * *` is a window.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from llmcap.config.yamldoc import Place
from llmcap.words.errors import LLMCapError
from llmcap.words.meant import meant

Schema = dict[str, Any]

ATTRIBUTES = (
    "provider", "model", "host", "endpoint", "key", "organisation", "project", "user", "tag",
    "customer", "client", "cwd", "proxy_user", "port", "session", "feature", "organization",
)  # fmt: skip

# What requests say in their metadata, under a name that the setting `metadata` has.
METADATA = re.compile(r"metadata\.[^\s.\"$][^\s\"]{0,63}")
METADATA_NAMES_MAX = 16

# Those that a request cannot claim for itself, in a header or in its body.
UNCLAIMABLE = ("provider", "model", "host", "endpoint", "key", "cwd", "proxy_user", "port")

TRUSTABLE_HEADERS = (
    "x-llmcap-project", "x-llmcap-user", "x-llmcap-tag", "x-llmcap-customer", "x-customer-id",
)  # fmt: skip

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_PERCENT = re.compile(r"(\d{1,4})\s*%")
_VARIABLE = re.compile(r"env:([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Kind[Value]:
    """How one kind of value is read, and what an editor should know of it."""

    read: Callable[[Place], Value]
    schema: Schema

    def said(self, description: str) -> "Kind[Value]":
        """The same with a sentence for whoever hovers over the key."""
        return Kind(self.read, {"description": description, **self.schema})


def fields(
    place: Place, kinds: Mapping[str, Kind[Any]], *, what: str, required: Sequence[str] = ()
) -> dict[str, Any]:
    """The values of a map whose keys are known, by key. `what` names the map in errors."""
    values: dict[str, Any] = {}
    for key, entry in place.items():
        if key not in kinds:
            entry.fail(f"{what} has no such key; {meant(key, kinds)}it has: {', '.join(kinds)}")
        values[key] = kinds[key].read(entry)
    for key in required:
        if key not in values:
            place.fail(f"{what} has no {key}")
    return values


def map_schema(kinds: Mapping[str, Kind[Any]], *, required: Sequence[str] = ()) -> Schema:
    """The schema of such a map."""
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: kind.schema for key, kind in kinds.items()},
    }
    return {**schema, "required": list(required)} if required else schema


def guarded[Result](place: Place, read: Callable[..., Result], *arguments: object) -> Result:
    """What `read` gives, its error told with the place of the value."""
    try:
        return read(*arguments)
    except LLMCapError as error:
        place.fail(str(error))


# --- plain values -----------------------------------------------------------------------------


def _text(place: Place) -> str:
    if not isinstance(place.value, str) or not place.value:
        place.fail(f"{place.shown} is not text")
    return str(place.value)


def _word(place: Place) -> str:
    """Text, or a number that was typed without quotes; on one line, as it is told in messages."""
    word = "" if isinstance(place.value, dict | list | None) else str(place.value)
    if not word.strip() or not word.isprintable():
        place.fail(f"{place.shown} is not text on one line")
    return word


def _switch(place: Place) -> bool:
    if not isinstance(place.value, bool):
        place.fail(f"{place.shown} is neither true nor false")
    return bool(place.value)


def _whole(place: Place) -> int:
    if isinstance(place.value, bool) or not isinstance(place.value, int) or place.value < 0:
        place.fail(f"{place.shown} is not a whole number of zero or more")
    return int(place.value)


def _positive(place: Place) -> int:
    number = _whole(place)
    if number == 0:
        place.fail("0 is too few: expected a whole number of one or more")
    return number


def _port(place: Place) -> int:
    value = place.value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65_536:
        place.fail(f"{place.shown} is not a port", hint="write a number from 1 to 65535")
    return value


def _seconds(place: Place) -> Decimal:
    match = _DURATION.fullmatch(str(place.value))
    if match is None or isinstance(place.value, bool):
        place.fail(f"{place.shown} is not a time: write it like 20, 20s, 500ms or 2m")
    return Decimal(match[1]) * _SECONDS[match[2] or "s"]


def _secret(place: Place) -> str:
    """Text as it is, or `env:NAME`: the value of a variable, so that a config can be shared."""
    text = _text(place)
    match = _VARIABLE.fullmatch(text)
    if match is None:
        return text
    if not (value := os.environ.get(match[1])):
        place.fail(f"the environment variable {match[1]} is not set, or is empty")
    return value


TEXT = Kind(_text, {"type": "string", "minLength": 1})
WORD = Kind(_word, {"type": ["string", "number"]})
SWITCH = Kind(_switch, {"type": "boolean"})
WHOLE = Kind(_whole, {"type": "integer", "minimum": 0})
POSITIVE = Kind(_positive, {"type": "integer", "minimum": 1})
SECONDS = Kind(
    _seconds,
    {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
        ]
    },
)
SECRET = Kind(_secret, {"type": "string", "minLength": 1})


def percent_of(text: str) -> int | None:
    """The number in `80%`, or None where the text is no share."""
    match = _PERCENT.fullmatch(text.strip())
    return int(match[1]) if match else None


def share(most: int = 100) -> Kind[int]:
    """A share such as `50%`, from 1 to `most` percent."""

    def read(place: Place) -> int:
        percent = percent_of(str(place.value))
        if percent is None or not 1 <= percent <= most:
            place.fail(f"{place.shown} is not a share: write it like 50%, from 1% to {most}%")
        return percent

    return Kind(read, {"type": "string", "pattern": r"^\d{1,4}\s*%$"})


# --- choices and names ------------------------------------------------------------------------


def choice[Choice: StrEnum](choices: type[Choice]) -> Kind[Choice]:
    """One of an enumeration, in any case, with `-` as good as `_`."""

    def read(place: Place) -> Choice:
        # YAML takes `on` and `off` without quotes for true and false.
        typed = ("off", "on")[place.value] if isinstance(place.value, bool) else str(place.value)
        try:
            return choices(typed.lower().replace("-", "_"))
        except ValueError:
            place.fail(f"{place.shown} is none of: {', '.join(choices)}")

    words: list[str | bool] = [str(each) for each in choices]
    return Kind(read, {"enum": words + [True, False] * ("on" in words)})


def one_of(*choices: str) -> Kind[str]:
    """One of these words. Numbers among them may be typed without quotes."""

    def read(place: Place) -> str:
        if str(place.value) not in choices:
            place.fail(f"{place.shown} is none of: {', '.join(choices)}")
        return str(place.value)

    numbers = [int(each) for each in choices if each.isdecimal()]
    return Kind(read, {"enum": [*choices, *numbers]})


def list_of[Value](kind: Kind[Value]) -> Kind[tuple[Value, ...]]:
    """A list of such values; one may stand alone."""

    def read(place: Place) -> tuple[Value, ...]:
        if isinstance(place.value, list):
            return tuple(kind.read(each) for each in place.each())
        return (kind.read(place),)

    return Kind(read, {"anyOf": [kind.schema, {"type": "array", "items": kind.schema}]})


_METADATA_NAME = f"^{METADATA.pattern}$"

NAMES = list_of(TEXT)
PORTS = list_of(Kind(_port, {"type": "integer", "minimum": 1, "maximum": 65_535}))


def is_attribute(name: str, known: Sequence[str] = ATTRIBUTES) -> bool:
    """Whether an attribute has this name; metadata's are a request's own claim, as others are."""
    return name in known or (known is not UNCLAIMABLE and METADATA.fullmatch(name) is not None)


def attributes(known: Sequence[str] = ATTRIBUTES) -> Kind[tuple[str, ...]]:
    """Names of attributes of a call."""

    def read(place: Place) -> tuple[str, ...]:
        names = NAMES.read(place)
        for name in names:
            if not is_attribute(name, known):
                place.fail(
                    f"{name!r} is no attribute; {meant(name, known)}there are: "
                    f"{', '.join(known)}, metadata.NAME"
                )
        return names

    named = {"anyOf": [{"enum": list(known)}, {"type": "string", "pattern": _METADATA_NAME}]}
    return Kind(read, list_of(Kind(_text, named)).schema)


def patterns(
    known: Sequence[str] = ATTRIBUTES, *, least: int = 0
) -> Kind[Mapping[str, tuple[str, ...]]]:
    """A map from attributes to glob patterns: `{provider: anthropic, model: claude-opus-*}`."""

    def read(place: Place) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        if sum(1 for _ in place.items()) < least:
            place.fail("this names no attribute, so it would fit every call")
        for attribute, wanted in place.items():
            if not is_attribute(attribute, known):
                wanted.fail(
                    f"there is no attribute of this name; {meant(attribute, known)}there are: "
                    f"{', '.join(known)}"
                )
            found[attribute] = NAMES.read(wanted)
        return found

    schema = map_schema(dict.fromkeys(known, NAMES))
    if known is not UNCLAIMABLE:
        schema["patternProperties"] = {_METADATA_NAME: NAMES.schema}
    return Kind(read, schema)


def _metadata(place: Place) -> tuple[str, ...]:
    names = NAMES.read(place)
    for name in names:
        if METADATA.fullmatch(f"metadata.{name}") is None:
            place.fail(f"{name!r} is no name in metadata: expected up to 64 characters, no spaces")
    if len(names) > METADATA_NAMES_MAX:
        place.fail(f"{len(names)} names are too many: {METADATA_NAMES_MAX} are the most")
    return names


METADATA_NAMES = Kind(_metadata, NAMES.schema)


def _headers(place: Place) -> tuple[str, ...]:
    names = tuple(name.lower() for name in NAMES.read(place))
    for name in names:
        if name not in TRUSTABLE_HEADERS:
            place.fail(f"{name!r} is none of: {', '.join(TRUSTABLE_HEADERS)}")
    return names


HEADERS = Kind(_headers, list_of(one_of(*TRUSTABLE_HEADERS)).schema)
