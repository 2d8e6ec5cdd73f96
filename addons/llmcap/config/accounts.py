"""
What a user says of an account: under which terms its provider serves a call that asks for none.

A project of OpenAI's may have the priority tier as its default, a workspace of Anthropic's a
region. Neither is in any request, so such calls are held at the dearest, until the config says what
the account has.
"""

from collections.abc import Mapping
from typing import Any

from llmcap.config.readers import WORD, Kind, Schema, fields, map_schema
from llmcap.config.yamldoc import Place
from llmcap.pricing import PriceBook, current_book
from llmcap.pricing.terms import REGION, TIER, base_of
from llmcap.providers import provider_hint, provider_named, provider_names
from llmcap.providers.parts.tiers import tier
from llmcap.words.records import Policy

_GLOBAL = ("global", "standard", "none")


def _tier(place: Place) -> str:
    terms = tier(WORD.read(place))
    if not terms or terms == tier("a tier that nobody knows"):
        place.fail(
            f"{place.shown} is no tier that an account may have",
            hint="write standard where it has none of its own, else flex or priority",
        )
    return terms[0]


def _region(place: Place) -> str:
    word = WORD.read(place).lower()
    return base_of(REGION) if word in _GLOBAL else f"{REGION}-{word}"


# What may be said of an account, and of which kind of term it says it.
_TERMS: Mapping[str, tuple[str, Kind[str]]] = {
    "default_tier": (
        TIER,
        Kind(_tier, WORD.schema).said("Of calls that name no tier: standard, flex or priority."),
    ),
    "default_region": (
        REGION,
        Kind(_region, WORD.schema).said("Of calls that name no region: global, or such as us."),
    ),
}
_KINDS: Mapping[str, Kind[Any]] = {name: kind for name, (_, kind) in _TERMS.items()}


def _accounts(place: Place) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for name, account in place.items():
        if name not in provider_names():
            account.fail(f"there is no provider {name!r}", hint=provider_hint(name))
        said = fields(account, _KINDS, what="an account")
        key = provider_named(name).price_key
        found[key] = {_TERMS[each][0]: term for each, term in said.items()}
    return found


_SCHEMA: Schema = {"type": "object", "additionalProperties": map_schema(_KINDS)}
ACCOUNTS = Kind(_accounts, _SCHEMA).said(
    "By provider, what its account has by default, where a request says nothing."
)


def book_of(policy: Policy) -> PriceBook:
    """The price book in force, with what a policy says on top. Raises `PriceError`."""
    return current_book(
        policy.prices,
        accounts=policy.accounts,
        likes={
            own.prices: provider_named(own.like).price_key
            for own in policy.hosts
            if own.prices == own.name
        },
    )
