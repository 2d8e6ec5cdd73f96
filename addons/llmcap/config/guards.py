"""The `breakers`, `alerts` and `telemetry` of a config."""

import dataclasses
from typing import Any
from urllib.parse import urlsplit

from llmcap.config.readers import (
    POSITIVE,
    SECONDS,
    SECRET,
    SWITCH,
    Kind,
    Schema,
    attributes,
    choice,
    fields,
    guarded,
    list_of,
    map_schema,
    share,
)
from llmcap.config.yamldoc import Place
from llmcap.words.money import parse_usd
from llmcap.words.rules import ALERTS as EVENTS
from llmcap.words.rules import (
    AlertTarget,
    BreakerKind,
    BreakerRules,
    BurnRule,
    ErrorRule,
    EventKind,
    LatencyRule,
    ParallelRule,
    RepeatRule,
    TelemetryRule,
)

# --- breakers ---------------------------------------------------------------------------------

_MONEY = Kind(
    lambda place: guarded(place, parse_usd, place.value),
    {"type": ["string", "number"], "description": "Dollars in one minute."},
)
_OPEN = SECONDS.said("How long it refuses before it lets one call try.")
_WITHIN = SECONDS.said("How far it looks back.")
_CALLS = POSITIVE.said("How many calls it takes.")

# Key of a breaker -> its record, and for each key the field and how its value is read.
_RULES: dict[BreakerKind, tuple[type[Any], dict[str, tuple[str, Kind[Any]]]]] = {
    BreakerKind.ERRORS: (
        ErrorRule,
        {
            "share": ("percent", share()),
            "calls": ("calls", _CALLS),
            "within": ("within_seconds", _WITHIN),
            "open": ("open_seconds", _OPEN),
            "per": ("per", attributes()),
        },
    ),
    BreakerKind.LATENCY: (
        LatencyRule,
        {
            "above": ("above_seconds", SECONDS.said("To the first byte of the answer.")),
            "share": ("percent", share()),
            "calls": ("calls", _CALLS),
            "within": ("within_seconds", _WITHIN),
            "open": ("open_seconds", _OPEN),
            "per": ("per", attributes()),
        },
    ),
    BreakerKind.BURN: (
        BurnRule,
        {
            "above": ("above_nanos", _MONEY),
            "times": ("times", POSITIVE.said("As much as the usual minute.")),
            "least": ("least_nanos", _MONEY),
            "open": ("open_seconds", _OPEN),
            "per": ("per", attributes()),
        },
    ),
    BreakerKind.REPEATS: (
        RepeatRule,
        {
            "calls": ("calls", _CALLS),
            "within": ("within_seconds", _WITHIN),
            "open": ("open_seconds", _OPEN),
            "per": ("per", attributes()),
        },
    ),
    BreakerKind.PARALLEL: (
        ParallelRule,
        {
            "calls": ("calls", _CALLS),
            "open": ("open_seconds", _OPEN),
            "per": ("per", attributes()),
        },
    ),
}


def _breakers(place: Place) -> BreakerRules:
    """`true`: all, as recommended; or a map of those wanted, each `true` or its settings."""
    if isinstance(place.value, bool):
        return all_breakers() if place.value else BreakerRules()
    found: dict[str, Any] = {}
    for key, entry in place.items():
        if key not in _RULES:
            entry.fail(f"there is no breaker of this name; there are: {', '.join(_RULES)}")
        rule, kinds = _RULES[BreakerKind(key)]
        if isinstance(entry.value, bool):
            found[key] = rule() if entry.value else None
            continue
        values = fields(
            entry, {name: kind for name, (_, kind) in kinds.items()}, what=f"the breaker {key}"
        )
        found[key] = rule(**{kinds[name][0]: value for name, value in values.items()})
    return BreakerRules(**found)


def all_breakers() -> BreakerRules:
    """Every breaker with its recommended settings."""
    return BreakerRules(**{str(kind): rule() for kind, (rule, _) in _RULES.items()})


def _breakers_schema() -> Schema:
    rules = {
        str(kind): Kind(
            lambda place: place,
            {
                "description": " ".join((rule.__doc__ or "").split()),
                "anyOf": [
                    {"type": "boolean"},
                    map_schema({name: kind for name, (_, kind) in kinds.items()}),
                ],
            },
        )
        for kind, (rule, kinds) in _RULES.items()
    }
    return {"anyOf": [{"type": "boolean"}, map_schema(rules)]}


BREAKERS = Kind(_breakers, _breakers_schema())

# --- alerts -----------------------------------------------------------------------------------


def web_address(place: Place) -> str:
    """An address of HTTP, or of the variable that has it."""
    url = SECRET.read(place)
    if not _is_web_address(url):
        place.fail("this is no web address: expected https://... or env:NAME")
    return url


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port, or the brackets of an address
        return False


_TARGET: dict[str, Kind[Any]] = {
    "webhook": Kind(web_address, SECRET.schema).said("A URL that takes events as JSON."),
    "apprise": SECRET.said("A URL as apprise knows it, such as slack://... or mailto://..."),
    "secret": SECRET.said("Signs the body of a webhook; env:NAME reads a variable."),
    "events": list_of(choice(EventKind)).said("Which events it gets; all but `call` by default."),
}


def _target(place: Place) -> AlertTarget:
    values = fields(place, _TARGET, what="an alert")
    if ("webhook" in values) == ("apprise" in values):
        place.fail("an alert has either a webhook or an apprise URL")
    if "apprise" in values:
        if "secret" in values:
            place.fail("only a webhook is signed: remove the secret")
        if EventKind.CALL in values.get("events", ()):
            place.fail("only a webhook takes calls: write it as `webhook: https://...`")
        return AlertTarget(values["apprise"], apprise=True, events=values.get("events", EVENTS))
    target = AlertTarget(values["webhook"])
    return dataclasses.replace(
        target, secret=values.get("secret", ""), events=values.get("events", target.events)
    )


ALERTS = list_of(Kind(_target, map_schema(_TARGET)))

# --- telemetry --------------------------------------------------------------------------------

_HEADERS = Kind(
    lambda place: tuple((name.lower(), SECRET.read(each)) for name, each in place.items()),
    {"type": "object", "additionalProperties": SECRET.schema},
)
_TELEMETRY: dict[str, Kind[Any]] = {
    "otlp": Kind(web_address, SECRET.schema).said("Takes OTLP over HTTP, such as http://h:4318."),
    "headers": _HEADERS.said("Headers of its own; env:NAME reads a variable."),
    "cost": SWITCH.said("Tell costs too, under names that are only proposed."),
}


def _telemetry(place: Place) -> TelemetryRule:
    """A URL alone, or with more."""
    if not isinstance(place.value, dict):
        return TelemetryRule(web_address(place))
    values = fields(place, _TELEMETRY, what="telemetry", required=["otlp"])
    return TelemetryRule(values["otlp"], values.get("headers", ()), values.get("cost", False))


TELEMETRY = Kind(_telemetry, {"anyOf": [SECRET.schema, map_schema(_TELEMETRY, required=["otlp"])]})
