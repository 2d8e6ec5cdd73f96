"""The `reconcile` of a config: how often a provider's bill is laid beside the ledger."""

import re
from collections.abc import Mapping
from typing import Any

from llmcap.config.guards import web_address
from llmcap.config.readers import POSITIVE, TEXT, Kind, fields, map_schema, one_of, share
from llmcap.config.yamldoc import Place
from llmcap.words.rules import ASKED_FOR_BILLS, CaptureRule

PERCENT, DAYS_BEFORE = 99, 7  # where nothing else is said
_HOURS = {"hourly": 1, "daily": 24}
_KEY = re.compile(r"env:[A-Za-z_]\w*")

EVERY = one_of(*_HOURS).said("How often it is asked.")
DAYS = POSITIVE.said("How many days before today are compared.")
BELOW = share().said("Tell where fewer of the billed tokens passed here, such as 99%.")


def _by_provider(place: Place, what: str) -> list[tuple[str, Place]]:
    found = []
    for provider, each in place.items():
        if provider not in ASKED_FOR_BILLS:
            each.fail(f"{provider!r} is not asked for its bill here: {what} are for "
                      f"{', '.join(ASKED_FOR_BILLS)}")  # fmt: skip
        found.append((provider, each))
    return found


def _keys(place: Place) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for provider, each in _by_provider(place, "admin keys"):
        named = TEXT.read(each)
        if not _KEY.fullmatch(named):
            each.fail(
                "this is no variable with an admin key",
                hint="write env:NAME, such as env:OPENAI_ADMIN_KEY; a key itself is never written",
            )
        found[provider] = named
    if not found:
        place.fail("there is no admin key: name one, such as {openai: env:OPENAI_ADMIN_KEY}")
    return found


def _urls(place: Place) -> Mapping[str, str]:
    return {provider: web_address(each) for provider, each in _by_provider(place, "addresses")}


_TEXTS = {"type": "object", "additionalProperties": TEXT.schema}
_KINDS: Mapping[str, Kind[Any]] = {
    "every": EVERY,
    "alert_below": BELOW,
    "days": DAYS,
    "keys": Kind(_keys, _TEXTS).said("By provider, the variable that holds its admin key."),
    "urls": Kind(_urls, _TEXTS).said("By provider, where its API is, if not at its own host."),
}


def _rule(place: Place) -> CaptureRule:
    said = fields(place, _KINDS, what="reconcile", required=("keys",))
    for provider in said.get("urls", {}):
        if provider not in said["keys"]:
            place.fail(f"urls names {provider}, and keys does not: nobody would ask it")
    return CaptureRule(
        keys=said["keys"],
        urls=said.get("urls", {}),
        hours=_HOURS[said.get("every", "daily")],
        percent=said.get("alert_below", PERCENT),
        days=said.get("days", DAYS_BEFORE),
    )


RECONCILE = Kind(_rule, map_schema(_KINDS)).said(
    "Lay the bills of these providers beside the ledger, on a schedule."
)
