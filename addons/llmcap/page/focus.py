"""
Spending for finance: rows of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

A row is what one model cost on one day (of UTC) for the same project, customer, user and key; what
was measured and what is a bound are rows apart. Columns are those of
https://focus.finops.org/focus-specification/v1-2/; ours begin with `x_`, as it asks.

What was billed is what the ledger says, which goes by the prices that the config agreed. What the
public price book asks for the same is `ListCost`, of each call by itself (`listed`); of calls that
were pruned only their tokens are known. `x_ListBasis` says where it is from.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llmcap.ledger import rollups, spans
from llmcap.ledger.changes import Rollup
from llmcap.ledger.history import PastCall
from llmcap.page.listed import Listed, Prices
from llmcap.words.money import usd_string

BY = ("day", "provider", "model", "project", "customer", "user", "key", "organisation", "state")
TAGS = ("project", "customer", "user", "key")
COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit",
    "ContractedCost", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory",
    "ServiceName", "ServiceSubcategory", "SkuId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags", "x_Measured", "x_ListBasis", "x_InputTokens", "x_CachedTokens",
    "x_OutputTokens",
)  # fmt: skip


def rows(
    db: sqlite3.Connection, prices: Prices, *, since: datetime | None, until: datetime | None
) -> Iterator[dict[str, str]]:
    """The rows of a time, by day; a day that it cuts is there with what is within."""
    with rollups.one_moment(db):
        found = rollups.sums(db, BY, zone=UTC, since=since, until=until)
        listed: defaultdict[rollups.Key, Listed] = defaultdict(Listed)
        for call in spans.calls_within(db, since=since, until=until):
            of_row = listed[_key(call)]
            of_row.add(prices.of_call(call))
            of_row.calls.add(call)
    for key, sums in found.items():
        facts = dict(zip(BY, key, strict=True))
        # What was refused or released cost nothing, and is no charge.
        if facts["state"] in ("settled", "assumed"):
            day = datetime.fromisoformat(facts["day"]).replace(tzinfo=UTC)
            of_row, rest = listed[key], replace(sums)
            rest.merge(of_row.calls, -1)
            if rest.calls:
                of_row.add(prices.of_rest(facts["provider"], facts["model"], day, rest))
            yield _row(facts, day, sums, of_row)


def _key(call: PastCall) -> rollups.Key:
    """The row that a call is in: what it has in the order of `BY`."""
    facts = {
        **call.attributes, "day": f"{call.at:%Y-%m-%d}", "provider": call.provider,
        "model": call.served_model or call.model, "state": call.state,
    }  # fmt: skip
    return tuple([facts.get(name, "") for name in BY])


def _row(facts: dict[str, str], day: datetime, sums: Rollup, listed: Listed) -> dict[str, str]:
    month = day.replace(day=1)
    cost = usd_string(sums.cost_nanos)
    tokens = sums.input_tokens + sums.output_tokens
    account = facts["organisation"] or facts["key"] or facts["provider"]
    tags = {name: facts[name] for name in TAGS if facts[name]}
    provider = facts["provider"]
    return {
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost"), cost),
        "ListCost": usd_string(listed.nanos),
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingAccountType": "API organization" if facts["organisation"] else "API key",
        "BillingCurrency": "USD",
        "BillingPeriodStart": _time(month),
        "BillingPeriodEnd": _time((month + timedelta(days=32)).replace(day=1)),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"Calls to {facts['model']}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _time(day),
        "ChargePeriodEnd": _time(day + timedelta(days=1)),
        "ConsumedQuantity": str(tokens),
        "ConsumedUnit": "Tokens",
        "InvoiceId": "",  # nobody has told of one
        "InvoiceIssuerName": provider,
        # It is of the type decimal, which the specification's validator takes from the text.
        "PricingQuantity": f"{sums.calls}.0",
        "PricingUnit": "Requests",
        "ProviderName": provider,
        "PublisherName": provider,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"{provider} API",
        "ServiceSubcategory": "Generative AI",
        "SkuId": f"{provider}/{facts['model']}",
        "SubAccountId": facts["project"],
        "SubAccountName": facts["project"],
        "SubAccountType": "Project" if facts["project"] else "",
        "Tags": json.dumps(tags, sort_keys=True) if tags else "",
        "x_Measured": "false" if facts["state"] == "assumed" else "true",
        "x_ListBasis": listed.basis,
        "x_InputTokens": str(sums.input_tokens),
        "x_CachedTokens": str(sums.cached_tokens),
        "x_OutputTokens": str(sums.output_tokens),
    }


def _time(at: datetime) -> str:
    """As FOCUS writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
