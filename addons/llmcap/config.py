"""
Settings as typed, resolved into one checked `Policy`.

Every rule has one place: the table of settings below. The same names serve in YAML, as mitmproxy
options (with the prefix `llmcap_`) and as environment variables (`LLMCAP_...`). An error names file,
line, key and value, says what was expected, and nothing of a bad config is used.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from llmcap import yamldoc
from llmcap.budget import parse_cap, parse_short, parse_window
from llmcap.errors import ConfigError, LLMCapError
from llmcap.pricing import parse_override
from llmcap.records import Budget, EndpointPolicy, HoldMode, Policy, UnknownPolicy
from llmcap.yamldoc import Place

ATTRIBUTES = (
    "provider", "model", "host", "endpoint", "key", "organisation", "project", "user", "tag",
    "customer", "client", "cwd", "proxy_user", "port",
)  # fmt: skip

TRUSTABLE_HEADERS = (
    "x-llmcap-project", "x-llmcap-user", "x-llmcap-tag", "x-llmcap-customer", "x-customer-id",
)  # fmt: skip

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}


def load(path: Path) -> Policy:
    """The policy of a YAML file. Raises `ConfigError` for a file that cannot be read or used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{path}: the config cannot be read: {reason}\n"
            "hint: name an existing file with llmcap_config, --config or LLMCAP_CONFIG"
        ) from error
    return resolve(yamldoc.parse(text, file=str(path)))


def resolve(document: Place) -> Policy:
    """The policy of a parsed document; an empty one gives the defaults."""
    values: dict[str, Any] = {}
    hold = HoldMode.CEILING
    timezone = "UTC"
    budgets: Place | None = None
    for key, place in document.items():
        if key == "budgets":
            budgets = place
        elif key == "hold":
            hold = _choice(place, HoldMode)
        elif key == "timezone":
            timezone = _text(place)
        elif key in SETTINGS:
            field, read = SETTINGS[key]
            values[field] = read(place)
        else:
            known = ", ".join(sorted([*SETTINGS, "budgets", "hold", "timezone"]))
            place.fail(f"there is no setting of this name; there are: {known}")
    if budgets is not None:
        values["budgets"] = _budgets(budgets, hold=hold, timezone=timezone)
    return Policy(**values)


def with_cap(policy: Policy, text: str) -> Policy:
    """The policy with one more budget, `cap`, written short: `5`, `$5/day`, `1.50/run`."""
    budget = parse_short(text)
    if any(other.name == budget.name for other in policy.budgets):
        raise ConfigError(
            f"the cap {text!r} makes a budget named {budget.name!r}, which the config has too\n"
            "hint: rename the budget in the config"
        )
    return dataclasses.replace(policy, budgets=(*policy.budgets, budget))


# --- one reader per kind of value -----------------------------------------------------------


def _text(place: Place) -> str:
    if not isinstance(place.value, str) or not place.value:
        place.fail(f"{place.shown} is not text")
    return str(place.value)


def _switch(place: Place) -> bool:
    if not isinstance(place.value, bool):
        place.fail(f"{place.shown} is neither true nor false")
    return bool(place.value)


def _whole(place: Place) -> int:
    if isinstance(place.value, bool) or not isinstance(place.value, int) or place.value < 0:
        place.fail(f"{place.shown} is not a whole number of zero or more")
    return int(place.value)


def _seconds(place: Place) -> Decimal:
    match = _DURATION.fullmatch(str(place.value))
    if match is None or isinstance(place.value, bool):
        place.fail(f"{place.shown} is not a time: write it like 20, 20s, 500ms or 2m")
    return Decimal(match[1]) * _SECONDS[match[2] or "s"]


def _choice[Choice: StrEnum](place: Place, choices: type[Choice]) -> Choice:
    try:
        return choices(str(place.value).lower().replace("-", "_"))
    except ValueError:
        place.fail(f"{place.shown} is none of: {', '.join(choices)}")


def _one_of(*choices: str) -> Callable[[Place], str]:
    def read(place: Place) -> str:
        if str(place.value) not in choices:
            place.fail(f"{place.shown} is none of: {', '.join(choices)}")
        return str(place.value)

    return read


def _names(place: Place) -> tuple[str, ...]:
    if isinstance(place.value, list):
        return tuple(_text(each) for each in place.each())
    return (_text(place),)


def _headers(place: Place) -> tuple[str, ...]:
    names = tuple(name.lower() for name in _names(place))
    for name in names:
        if name not in TRUSTABLE_HEADERS:
            place.fail(f"{name!r} is none of: {', '.join(TRUSTABLE_HEADERS)}")
    return names


def _prices(place: Place) -> Mapping[str, Mapping[str, object]]:
    prices: dict[str, Mapping[str, object]] = {}
    for key, fields in place.items():
        _guarded(fields, parse_override, key, fields.plain)
        prices[key] = fields.plain
    return prices


def _budgets(place: Place, *, hold: HoldMode, timezone: str) -> tuple[Budget, ...]:
    budgets: list[Budget] = []
    for entry in place.each():
        budget = _budget(entry, hold=hold, timezone=timezone)
        if any(other.name == budget.name for other in budgets):
            entry.fail(f"there are two budgets named {budget.name!r}: rename one")
        budgets.append(budget)
    return tuple(budgets)


def _budget(entry: Place, *, hold: HoldMode, timezone: str) -> Budget:
    fields = dict(entry.items())
    unknown = set(fields) - {"name", "cap", "every", "timezone", "match", "per", "hold"}
    if unknown:
        key = min(unknown)
        known = "name, cap, every, timezone, match, per, hold"
        fields[key].fail(f"a budget has no such key; it has: {known}")
    for key in ("name", "cap"):
        if key not in fields:
            entry.fail(f"the budget has no {key}", hint="write it like `- {name: all, cap: $50}`")
    cap, unit = _guarded(fields["cap"], parse_cap, fields["cap"].value)
    every = str(fields["every"].value) if "every" in fields else "once"
    zone = _text(fields["timezone"]) if "timezone" in fields else timezone
    _guarded(fields.get("every", entry), parse_window, every, zone)
    return Budget(
        name=str(fields["name"].value),
        cap=cap,
        unit=unit,
        every=every,
        timezone=zone,
        match=_match(fields["match"]) if "match" in fields else {},
        per=_attributes(fields["per"]) if "per" in fields else (),
        hold=_choice(fields["hold"], HoldMode) if "hold" in fields else hold,
    )


def _match(place: Place) -> Mapping[str, tuple[str, ...]]:
    patterns: dict[str, tuple[str, ...]] = {}
    for attribute, wanted in place.items():
        if attribute not in ATTRIBUTES:
            wanted.fail(f"there is no attribute of this name; there are: {', '.join(ATTRIBUTES)}")
        patterns[attribute] = _names(wanted)
    return patterns


def _attributes(place: Place) -> tuple[str, ...]:
    names = _names(place)
    for name in names:
        if name not in ATTRIBUTES:
            place.fail(f"{name!r} is no attribute; there are: {', '.join(ATTRIBUTES)}")
    return names


def _guarded[Result](place: Place, read: Callable[..., Result], *arguments: object) -> Result:
    """What `read` gives, its error told with the place of the value."""
    try:
        return read(*arguments)
    except LLMCapError as error:
        place.fail(str(error))


# Setting in YAML -> field of `Policy`, and how its value is read.
SETTINGS: Mapping[str, tuple[str, Callable[[Place], Any]]] = {
    "prices": ("prices", _prices),
    "unknown_models": ("unknown_models", lambda place: _choice(place, UnknownPolicy)),
    "unknown_endpoints": ("unknown_endpoints", lambda place: _choice(place, EndpointPolicy)),
    "fail_open": ("fail_open", _switch),
    "clamp": ("clamp", _switch),
    "min_output": ("min_output", _whole),
    "wait": ("wait_seconds", _seconds),
    "waiters_max": ("waiters_max", _whole),
    "durability": ("durability", _one_of("normal", "full")),
    "refusal_status": ("refusal_status", _one_of("auto", "429", "402", "400")),
    "trust_headers": ("trusted_headers", _headers),
}
