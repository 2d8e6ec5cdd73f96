"""Hosts of the user's own: a gateway, a proxy, a server that speaks some provider's API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcap.config.readers import TEXT, Kind, fields, guarded, list_of, map_schema
from llmcap.config.yamldoc import Place
from llmcap.pricing import parse_override
from llmcap.providers import provider_hint, provider_named, provider_names
from llmcap.words.rules import OwnHost

_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class OwnHosts:
    """The hosts, and the prices that the config gives their models, by provider/model."""

    hosts: tuple[OwnHost, ...] = ()
    prices: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def _host(place: Place) -> str:
    host = TEXT.read(place).lower().rstrip(".")
    if not _HOST.fullmatch(host):
        place.fail(
            f"{place.shown} is not a host",
            hint="write its name alone, such as llm.example.com, or *.example.com for all below it",
        )
    return host


def _like(place: Place) -> str:
    like = TEXT.read(place)
    if like not in provider_names():
        place.fail(f"there is no provider {like!r}", hint=provider_hint(like))
    return like


def _prices(place: Place) -> str | Mapping[str, Mapping[str, object]]:
    """The name of a provider whose list applies, or prices by model."""
    if isinstance(place.value, str):
        return _like(place)
    return {model: dict(each.plain) for model, each in place.items()}


_PRICES: Kind[str | Mapping[str, Mapping[str, object]]] = Kind(
    _prices,
    {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "object", "additionalProperties": {"type": "object"}},
        ]
    },
)

PASSED = list_of(Kind(_host, {"type": "string", "minLength": 1}))

KINDS: Mapping[str, Kind[Any]] = {
    "host": Kind(_host, {"type": "string", "minLength": 1}).said(
        "Its name; `*.example.com` stands for every name below that domain."
    ),
    "like": Kind(_like, {"type": "string", "minLength": 1}).said("The provider whose API it has."),
    "name": TEXT.said("How budgets and reports call it; the host, where nothing is said."),
    "prices": _PRICES.said(
        "Prices by model, in USD per million tokens, or the provider whose list applies."
    ),
}

SCHEMA = {
    "description": "Hosts of your own that speak a provider's API.",
    "type": "array",
    "items": map_schema(KINDS, required=("host", "like")),
}


def read_hosts(place: Place) -> OwnHosts:
    """The hosts of a config. Raises `ConfigError` for one that cannot be used."""
    hosts: list[OwnHost] = []
    prices: dict[str, Mapping[str, object]] = {}
    for each in place.each():
        found = fields(each, KINDS, what="a provider", required=("host", "like"))
        name = found.get("name", found["host"])
        told = found.get("prices", {})
        if isinstance(told, str):
            hosts.append(
                OwnHost(found["host"], found["like"], name, provider_named(told).price_key)
            )
            continue
        hosts.append(OwnHost(found["host"], found["like"], name, name))
        for model, rates in told.items():
            guarded(each, parse_override, f"{name}/{model}", rates)
            prices[f"{name}/{model}"] = rates
    return OwnHosts(tuple(hosts), prices)
