"""
What clouds say that they billed, as their exports have it: one row a day, resource and SKU.

- FOCUS 1.0 to 1.3, by whoever writes it (focus.finops.org; AWS Data Exports "FOCUS 1.0 with AWS
  columns", Azure FocusCost, Google's FOCUS export): `ChargePeriodStart`, `BilledCost`,
  `ConsumedQuantity`, `ConsumedUnit`, `ChargeDescription`.
- AWS Cost and Usage Report 2.0 and its older form (docs.aws.amazon.com/cur/latest/userguide):
  `line_item_usage_start_date`, `line_item_usage_type`, `line_item_unblended_cost`, ...
- Google Cloud Billing's BigQuery export as CSV or JSON (docs.cloud.google.com/billing/docs/how-to/
  export-data-bigquery-tables/detailed-usage): `usage_start_time`, `sku.description`, `cost`, ...
- Azure's cost details (learn.microsoft.com/azure/cost-management-billing/dataset-schema/
  cost-usage-details-ea): `date`, `meterName`, `quantity`, `costInBillingCurrency`, ...

Rows are summed as they come, by their own text: what a text means is asked once. What is no usage
(taxes, credits, refunds, fees) is told beside it, as no call explains it; so are FOCUS rows of the
class `Correction`, which change what an earlier bill said and are no further use.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import Any

from llmcap.reconcile.line import KINDS, NANOS, Line, Sums, day_of, is_amount
from llmcap.reconcile.skus import kind_of, scale_of
from llmcap.words.errors import ReconcileError

# Services whose rows may be about models; of the others of an account nothing is read.
SERVICES = re.compile(
    r"bedrock|vertex|generative|gemini|openai|anthropic|claude|cognitive|foundry|ai services"
    r"|x\.?ai|grok|mistral|cohere|llama|nova|titan|deepseek|azure ai",
    re.IGNORECASE,
)
ZERO = Decimal(0)

# What each export calls the use of a service: FOCUS and Azure, AWS, Google.
_USAGE = frozenset(("", "usage", "discountedusage", "savingsplancoveredusage", "regular"))

# What stands where a column says nothing.
_EMPTY = frozenset(("", "null", "none"))


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a kind of export has what: the first column of each list that the header has."""

    name: str
    provider: str
    time: Sequence[str]
    sku: Sequence[str]  # the texts that say what was billed, all of them
    quantity: Sequence[str]
    unit: Sequence[str]
    cost: Sequence[str]
    currency: Sequence[str]
    service: Sequence[str]
    bucket: Sequence[str]
    category: Sequence[str]  # whether it is usage, or something beside it
    correction: Sequence[str] = ()  # whether it corrects what an earlier bill said
    credits: str = ""  # where records have a list of what is credited of their cost

    @property
    def columns(self) -> Sequence[Sequence[str]]:
        """All that it asks for."""
        return (
            self.time, self.sku, self.quantity, self.unit, self.cost, self.currency, self.service,
            self.bucket, self.category, self.correction,
        )  # fmt: skip


FOCUS = Shape(
    "FOCUS", "",
    ("ChargePeriodStart",), ("SkuMeter", "ChargeDescription", "x_SkuMeterName", "x_UsageType"),
    ("ConsumedQuantity", "PricingQuantity"), ("ConsumedUnit", "PricingUnit"),
    ("BilledCost",), ("BillingCurrency",), ("ServiceName",),
    ("SubAccountId", "ResourceId", "BillingAccountId"), ("ChargeCategory",), ("ChargeClass",),
)  # fmt: skip
CUR = Shape(
    "AWS Cost and Usage Report", "aws-bedrock",
    ("line_item_usage_start_date", "lineItem/UsageStartDate"),
    ("line_item_usage_type", "lineItem/UsageType", "line_item_line_item_description",
     "lineItem/LineItemDescription"),
    ("line_item_usage_amount", "lineItem/UsageAmount"), ("pricing_unit", "pricing/unit"),
    ("line_item_unblended_cost", "lineItem/UnblendedCost"),
    ("line_item_currency_code", "lineItem/CurrencyCode"),
    ("line_item_product_code", "lineItem/ProductCode", "product_servicename"),
    ("line_item_usage_account_id", "lineItem/UsageAccountId"),
    ("line_item_line_item_type", "lineItem/LineItemType"),
)  # fmt: skip
GOOGLE = Shape(
    "Google Cloud Billing", "google",
    ("usage_start_time",), ("sku.description", "sku_description"),
    ("usage.amount", "usage_amount"), ("usage.unit", "usage_unit"), ("cost",), ("currency",),
    ("service.description", "service_description"), ("project.id", "project_id"), ("cost_type",),
    credits="credits",
)  # fmt: skip
AZURE = Shape(
    "Azure cost details", "azure-openai",
    ("date", "usagedatetime"), ("metername", "metersubcategory"), ("quantity", "usagequantity"),
    ("unitofmeasure",), ("costinbillingcurrency", "pretaxcost", "costinpricingcurrency"),
    ("billingcurrency", "billingcurrencycode", "currency"),
    ("metercategory", "consumedservice"), ("resourceid", "instanceid", "subscriptionid"),
    ("chargetype",),
)  # fmt: skip
SHAPES = (FOCUS, CUR, GOOGLE, AZURE)


def shape_of(header: Sequence[str]) -> Shape | None:
    """Which export a header is of."""
    names = {name.lower() for name in header}
    for shape in SHAPES:
        needed = (shape.time, shape.cost, shape.sku)
        if all(any(name.lower() in names for name in each) for each in needed):
            return shape
    return None


def unknown(header: Sequence[str]) -> ReconcileError:
    """Nobody's export has these columns."""
    return ReconcileError(
        f"it is no export that is known here: its columns are {', '.join(header[:8])}\n"
        "hint: usage and costs of OpenAI, Anthropic or OpenRouter, FOCUS, the AWS Cost and Usage "
        "Report, Google's billing export, Azure's cost details"
    )


def read_rows(shape: Shape, header: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[Line]:
    """The lines of a cloud's CSV, each day and SKU once. Raises `ReconcileError`."""
    _check_once(shape, header)
    places = {name.lower(): number for number, name in enumerate(header)}

    def first(names: Sequence[str]) -> int | None:
        return next((places[name.lower()] for name in names if name.lower() in places), None)

    time, cost = first(shape.time), first(shape.cost)
    assert time is not None
    assert cost is not None
    quantity = first(shape.quantity)
    texts = [places[name.lower()] for name in shape.sku if name.lower() in places]
    wished = (
        shape.unit, shape.currency, shape.service, shape.bucket, shape.category, shape.correction
    )  # fmt: skip
    named = [first(each) for each in wished]
    wanted = [*texts, *(each for each in named if each is not None), time]
    get = itemgetter(*wanted, time)  # a tuple even of one
    amount_at = cost if quantity is None else quantity
    totals: dict[tuple[str, ...], list[Any]] = {}
    number = 1
    try:
        for row in rows:
            number += 1
            if not row:
                continue
            key = get(row)
            total = totals.get(key)
            if total is None:
                total = totals[key] = [ZERO, ZERO]
            total[0] += Decimal(row[cost] or 0)
            total[1] += Decimal(row[amount_at] or 0)
    except IndexError:
        raise ReconcileError(f"line {number} ends too early: is it the whole file?") from None
    except ArithmeticError:
        raise ReconcileError(f"line {number} has an amount that is no number") from None
    if not all(is_amount(each) for total in totals.values() for each in total):
        raise ReconcileError("an amount of it is no number, or larger than any bill")
    yield from _lines(shape, len(texts), named, totals)


def _check_once(shape: Shape, header: Sequence[str]) -> None:
    """Raises `ReconcileError` for a column that is asked for and could be either of two."""
    told = [name.lower() for name in header]
    for name in chain.from_iterable(shape.columns):
        if told.count(name.lower()) > 1:
            raise ReconcileError(f"the column {name} is there more than once")


def _lines(
    shape: Shape,
    texts: int,
    named: Sequence[int | None],
    totals: Mapping[tuple[str, ...], Sequence[Any]],
) -> Iterator[Line]:
    days: dict[str, str] = {}
    for key, (cost, quantity) in totals.items():
        found = iter(key[texts:])
        unit, currency, service, bucket, category, correction = (
            next(found) if each is not None else "" for each in named
        )
        if key[-1] not in days:
            days[key[-1]] = day_of(key[-1])
        told = " ".join(text for text in key[:texts] if text)
        if service and not SERVICES.search(service) and not SERVICES.search(told):
            continue
        if currency and currency.upper() != "USD":
            raise ReconcileError(f"{shape.name}: the bill is in {currency}, not in USD")
        sums = Sums(nanos=int((cost * NANOS).to_integral_value()), priced=True)
        beside = category if category.lower() not in _USAGE else correction
        if beside.lower() not in _EMPTY:
            yield Line(days[key[-1]], told, sums, bucket, beside=beside)
            continue
        kinds = [kind for text in key[:texts] if (kind := kind_of(text)) is not None]
        if kinds:
            sums.counted = True
            sums.tokens[KINDS.index(kinds[0])] = int(quantity * scale_of(_unit_of(unit, told)))
        yield Line(days[key[-1]], f"{told} {service}".strip(), sums, bucket)


def _unit_of(unit: str, text: str) -> str:
    """The unit, or where it is only `Units` what the name says: `... 1M Tokens`."""
    if scale_of(unit) == 1 and (found := re.search(r"\b(1[KM]) Tokens", text)):
        return found[1]
    return unit
