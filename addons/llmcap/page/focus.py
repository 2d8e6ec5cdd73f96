"""
Spending for finance: rows of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

A row is what one model cost on one day (of UTC) for the same project, customer, user and key; what
was measured and what is a bound are rows apart. Columns are those of
https://focus.finops.org/focus-specification/v1-2/; ours begin with `x_`, as it asks.

What was billed is what the ledger says, which goes by the prices that the config agreed. What the
public price book asks for the same is `ListCost`: the ledger has one cost a call, so it is scaled
as the two prices of the row's tokens are to each other. `x_ListBasis` says where it is from.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from llmcap.ledger import rollups
from llmcap.ledger.changes import Rollup
from llmcap.pricing import PriceBook
from llmcap.pricing.cost import cost_usd
from llmcap.words.errors import PriceError
from llmcap.words.money import ceil_nanos, usd_string
from llmcap.words.usage import Price, Usage

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


# Where a list cost is from: the price that was billed is the public one, another one is, none is.
BILLED, BOOK, NONE = "billed at list price", "public price book", "no public price"


@dataclass(frozen=True, slots=True)
class Prices:
    """Those that calls were billed by, and those that anybody can read."""

    agreed: PriceBook
    public: PriceBook

    def list_nanos(self, facts: dict[str, str], sums: Rollup, at: datetime) -> tuple[int, str]:
        """What the list asks for what was billed, in nano-dollars, and where that is from."""
        agreed = self.agreed.find(facts["provider"], facts["model"], at)
        public = self.public.find(facts["provider"], facts["model"], at)
        ours, theirs = _token_nanos(agreed, sums), _token_nanos(public, sums)
        if theirs is None:
            return sums.cost_nanos, NONE
        if ours == theirs or ours is None:
            return sums.cost_nanos, BILLED
        return (sums.cost_nanos * theirs // ours if ours else theirs), BOOK


def _token_nanos(price: Price | None, sums: Rollup) -> int | None:
    """What the tokens of a row cost at a price; None where that has no rate for them."""
    usage = Usage(sums.input_tokens, sums.output_tokens, cache_read=sums.cached_tokens)
    try:
        return None if price is None else ceil_nanos(cost_usd(usage, price))
    except PriceError:
        return None


def rows(
    db: sqlite3.Connection, prices: Prices, *, since: datetime | None, until: datetime | None
) -> Iterator[dict[str, str]]:
    """The rows of a time, by day; a day that it cuts is there with what is within."""
    found = rollups.sums(db, BY, zone=UTC, since=since, until=until)
    for key, sums in found.items():
        facts = dict(zip(BY, key, strict=True))
        # What was refused or released cost nothing, and is no charge.
        if facts["state"] in ("settled", "assumed"):
            yield _row(facts, sums, prices)


def _row(facts: dict[str, str], sums: Rollup, prices: Prices) -> dict[str, str]:
    day = datetime.fromisoformat(facts["day"]).replace(tzinfo=UTC)
    month = day.replace(day=1)
    cost = usd_string(sums.cost_nanos)
    tokens = sums.input_tokens + sums.output_tokens
    account = facts["organisation"] or facts["key"] or facts["provider"]
    tags = {name: facts[name] for name in TAGS if facts[name]}
    provider = facts["provider"]
    list_nanos, basis = prices.list_nanos(facts, sums, day)
    return {
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost"), cost),
        "ListCost": usd_string(list_nanos),
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
        "x_ListBasis": basis,
        "x_InputTokens": str(sums.input_tokens),
        "x_CachedTokens": str(sums.cached_tokens),
        "x_OutputTokens": str(sums.output_tokens),
    }


def _time(at: datetime) -> str:
    """As FOCUS writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
