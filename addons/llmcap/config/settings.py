"""The settings of a config file, all in one table, and the way from a file to a `Policy`."""

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmcap.budgets.budget import parse_short
from llmcap.config import yamldoc
from llmcap.config.accounts import ACCOUNTS
from llmcap.config.budgets import ZONE, read_budgets
from llmcap.config.guards import ALERTS, BREAKERS, TELEMETRY
from llmcap.config.hosts import PASSED, OwnHosts, read_hosts
from llmcap.config.keys import KEYS
from llmcap.config.readers import (
    HEADERS,
    METADATA_NAMES,
    NAMES,
    PORTS,
    SECONDS,
    SWITCH,
    WHOLE,
    Kind,
    choice,
    guarded,
    one_of,
)
from llmcap.config.reconciling import RECONCILE
from llmcap.config.treasury import TREASURY
from llmcap.config.yamldoc import Place
from llmcap.pricing import parse_override
from llmcap.words.errors import ConfigError
from llmcap.words.meant import meant
from llmcap.words.records import (
    Budget,
    BudgetMode,
    EndpointPolicy,
    HoldMode,
    Policy,
    ProcessPolicy,
    UnknownPolicy,
)
from llmcap.words.rules import NO_BREAKERS, HostPolicy

HOLD = choice(HoldMode).said("For all budgets: hold a stream's ceiling, or slice by slice.")
TIMEZONE = ZONE.said("For all budgets: where days begin, such as Europe/Berlin.")

# What a file says once for all budgets that say nothing else.
FOR_BUDGETS: Mapping[str, Kind[Any]] = {"hold": HOLD, "timezone": TIMEZONE}

UPDATE = one_of("never", "daily").said("Whether newer prices are taken each day.")
FROM = NAMES.said("Where they come from: genai-prices, litellm, models.dev, pip, URLs, files.")


def load(path: Path) -> Policy:
    """The policy of a YAML file. Raises `ConfigError` for a file that cannot be read or used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "it is a YAML file, named by llmcap_config, --config or LLMCAP_CONFIG"
        if isinstance(error, FileNotFoundError):
            hint = f"`llmcap config init {shlex.quote(str(path))}` writes a first one"
        raise ConfigError(f"{path}: the config cannot be read: {reason}\nhint: {hint}") from error
    return resolve(yamldoc.parse(text, file=str(path)))


def resolve(document: Place) -> Policy:
    """The policy of a parsed document; an empty one gives the defaults."""
    values: dict[str, Any] = {}
    shared: dict[str, Any] = {"hold": HoldMode.CEILING, "timezone": "UTC"}
    budgets: Place | None = None
    own = OwnHosts()
    for key, place in document.items():
        if key == "budgets":
            budgets = place
        elif key in FOR_BUDGETS:
            shared[key] = FOR_BUDGETS[key].read(place)
        elif key == "providers":
            own = read_hosts(place)
        elif key == "prices":
            values.update(_prices(place))
        elif key in SETTINGS:
            field, kind = SETTINGS[key]
            values[field] = kind.read(place)
        else:
            known = sorted([*SETTINGS, *FOR_BUDGETS, "budgets", "providers"])
            place.fail(
                f"there is no setting of this name; {meant(key, known)}there are: "
                f"{', '.join(known)}"
            )
    if budgets is not None:
        values["budgets"] = read_budgets(
            budgets, mode=values.get("mode", BudgetMode.ENFORCE), **shared
        )
    _check_metadata(document, values)
    if own.hosts:
        values["hosts"] = own.hosts
        values["prices"] = {**own.prices, **values.get("prices", {})}
    return Policy(**values)


def _check_metadata(document: Place, values: Mapping[str, Any]) -> None:
    """What budgets and breakers ask of metadata is kept only where `metadata` names it."""
    kept = {f"metadata.{name}" for name in values.get("metadata", ())}
    budgets: tuple[Budget, ...] = values.get("budgets", ())
    breakers = values.get("breakers", NO_BREAKERS)
    rules = [getattr(breakers, each.name) for each in dataclasses.fields(breakers)]
    asked = [("budgets", name) for each in budgets for name in (*each.match, *each.per)]
    asked += [("breakers", name) for rule in rules if rule for name in rule.per]
    for key, name in asked:
        if name.startswith("metadata.") and name not in kept:
            document.value[key].fail(
                f"{name} is asked for, and the setting `metadata` does not name it",
                hint=f"add `metadata: [{name.removeprefix('metadata.')}]`",
            )


def with_cap(policy: Policy, text: str) -> Policy:
    """The policy with one more budget, `cap`, written short: `5`, `$5/day`, `1.50/run`."""
    budget = dataclasses.replace(parse_short(text), mode=policy.mode)
    if any(other.name == budget.name for other in policy.budgets):
        raise ConfigError(
            f"the cap {text!r} makes a budget named {budget.name!r}, which the config has too\n"
            "hint: rename the budget in the config"
        )
    return dataclasses.replace(policy, budgets=(*policy.budgets, budget))


def watching(policy: Policy) -> Policy:
    """The policy with all of its budgets only watching."""
    budgets = [dataclasses.replace(each, mode=BudgetMode.WATCH) for each in policy.budgets]
    return dataclasses.replace(policy, budgets=tuple(budgets))


def _prices(place: Place) -> dict[str, Any]:
    """Prices of the user's own, and `update` and `from`: whether newer ones are taken each day."""
    prices: dict[str, Mapping[str, object]] = {}
    values: dict[str, Any] = {"prices": prices}
    sources: tuple[str, ...] = ()
    for key, each in place.items():
        if key == "update":
            if UPDATE.read(each) == "daily":
                values["price_updates"] = ()
        elif key == "from":
            sources = FROM.read(each)
        else:
            guarded(each, parse_override, key, each.plain)
            prices[key] = each.plain
    if sources and "price_updates" in values:
        values["price_updates"] = sources
    return values


# Setting in YAML -> field of `Policy`, and how its value is read.
SETTINGS: Mapping[str, tuple[str, Kind[Any]]] = {
    "prices": (
        "prices",
        Kind(
            _prices,
            {
                "type": "object",
                "description": "Prices of your own, by provider/model, in USD per million tokens.",
                "properties": {"update": UPDATE.schema, "from": FROM.schema},
                "additionalProperties": {"type": "object"},
            },
        ),
    ),
    "reconcile": ("reconcile", RECONCILE),
    "account": ("accounts", ACCOUNTS),
    "unknown_models": (
        "unknown_models",
        choice(UnknownPolicy).said("What to do with a model that has no price."),
    ),
    "unknown_endpoints": (
        "unknown_endpoints",
        choice(EndpointPolicy).said("What to do with a request that no provider file knows."),
    ),
    "unmetered_hosts": (
        "unmetered_hosts",
        choice(HostPolicy).said(
            "What to do with connections to hosts that sell model calls and are not metered."
        ),
    ),
    "pass_hosts": (
        "pass_hosts",
        PASSED.said("Such hosts, or their sellers' names, that may pass all the same."),
    ),
    "mode": (
        "mode",
        choice(BudgetMode).said("For all budgets: enforce, or watch: say it, and stop nothing."),
    ),
    "fail_open": ("fail_open", SWITCH.said("Forward, unmetered, what LLMCap cannot account for.")),
    "clamp": ("clamp", SWITCH.said("Lower a call's output limit where that lets it fit.")),
    "min_output": ("min_output", WHOLE.said("Tokens that a clamp must leave.")),
    "wait": ("wait_seconds", SECONDS.said("How long a call waits for money held by others.")),
    "waiters_max": ("waiters_max", WHOLE.said("How many calls may wait.")),
    "treasury": (
        "treasury",
        TREASURY.said("The PostgreSQL that keeps these budgets for many machines: an address."),
    ),
    "restart_offline": (
        "restart_offline",
        one_of("refuse", "allow").said(
            "Whether a node that starts spends its allotments before the treasury confirms them."
        ),
    ),
    "durability": (
        "durability",
        one_of("normal", "full").said("normal survives a killed process, full a power cut too."),
    ),
    "refusal_status": (
        "refusal_status",
        one_of("auto", "429", "402", "401", "400").said(
            "The HTTP status of a refusal; auto: what stops the client that is refused."
        ),
    ),
    "allow_fields": (
        "allow_fields",
        NAMES.said("Fields of requests that cost nothing, where LLMCap does not know them."),
    ),
    "trust_headers": (
        "trusted_headers",
        HEADERS.said("Request headers that may name a project, user, customer or tag."),
    ),
    "metadata": (
        "metadata",
        METADATA_NAMES.said("Names in the requests' own metadata that are attributes too."),
    ),
    "identify_processes": (
        "identify_processes",
        choice(ProcessPolicy).said("Whether to look up which local program makes a call."),
    ),
    "keys": ("keys", KEYS),
    "confine": (
        "confine",
        SWITCH.said("Give a command of `llmcap run` a network that leads nowhere but to LLMCap."),
    ),
    "confine_ports": (
        "confine_ports",
        PORTS.said("The ports by which a confined command may leave, such as 443."),
    ),
    "breakers": ("breakers", BREAKERS),
    "alerts": ("alerts", ALERTS),
    "telemetry": ("telemetry", TELEMETRY),
}
