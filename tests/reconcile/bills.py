"""
Two sides of a bill for tests: calls as the provider counted them, and a ledger that saw some.

The exports are written in the shapes that the vendors document, from the provider's side only.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.pricing import PriceBook, cost_usd
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Call, Demand, Ending, Settlement, Usage

BOOK = PriceBook()
MODELS = {
    "openai": ("gpt-5-mini-2025-08-07", "gpt-5.5-pro"),
    "anthropic": ("claude-sonnet-4-6", "claude-opus-4-6"),
    "openrouter": ("anthropic/claude-sonnet-4.6", "openai/gpt-5-mini"),
    "aws-bedrock": ("anthropic.claude-sonnet-4-6", "amazon.nova-pro-v1:0"),
    "google": ("gemini-2.5-flash", "gemini-2.5-pro"),
    "azure-openai": ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18"),
    "xai": ("grok-4-0709", "grok-3-mini"),
}
DAYS = ("2026-11-10", "2026-11-11", "2026-11-12")


@dataclass(frozen=True, slots=True)
class Billed:
    """One call as its provider knows it: plain input, cache reads and writes, output."""

    provider: str
    model: str
    day: str
    tokens: tuple[int, int, int, int]
    bucket: str = "key-1"
    seen: bool = True  # whether it passed the proxy
    assumed: bool = False  # whether nobody told its end there
    factor: Decimal = Decimal(1)  # by how much it is billed otherwise than our price says

    @property
    def usage(self) -> Usage:
        """As a reader of answers has it."""
        plain, read, written, made = self.tokens
        return Usage(
            input_tokens=plain + read + written, output_tokens=made, cache_read=read,
            cache_write_5m=written,
        )  # fmt: skip

    @property
    def nanos(self) -> int:
        """What it costs at our price."""
        at = datetime.fromisoformat(f"{self.day}T12:00:00+00:00")
        price = BOOK.find(self.provider, self.model, at)
        assert price is not None, (self.provider, self.model)
        return ceil_nanos(cost_usd(self.usage, price))

    @property
    def usd(self) -> Decimal:
        """What is billed for it."""
        return Decimal(self.nanos) * self.factor / 1_000_000_000


def month(provider: str, *, cached: bool = True) -> list[Billed]:
    """Some days of calls: each day and model with other counts."""
    calls = []
    for number, (day, model) in enumerate(itertools.product(DAYS, MODELS[provider]), 1):
        for each in range(3):
            read, written = (100 * number, 0) if cached else (0, 0)
            if provider == "anthropic" and cached:
                written = 10 * number
            tokens = (1_000 * number + each, read, written, 200 * number + each)
            calls.append(Billed(provider, model, day, tokens, bucket=f"key-{each % 2}"))
    return calls


def changed(calls: Sequence[Billed], number: int, **changes: Any) -> list[Billed]:
    """The same but for one call."""
    return [replace(call, **changes) if at == number else call for at, call in enumerate(calls)]


def ledger(path: Path, calls: Iterable[Billed]) -> Path:
    """A ledger of those that passed."""
    now = datetime.now(UTC)
    opened = SqliteLedger(path, clock=lambda: now)
    for number, call in enumerate(calls):
        if not call.seen:
            continue
        at = datetime.fromisoformat(f"{call.day}T12:00:00+00:00")
        facts = Call(f"call-{number}", at, call.provider, "chat", call.model)
        held = opened.hold(facts, (), Demand(call.nanos * 2, Decimal(0), 0))
        ending, usage, cost = Ending.SETTLED, call.usage, call.nanos
        if call.assumed:
            # What was assumed of an end that nobody told is the most that it can have been.
            ending, cost = Ending.ASSUMED, call.nanos * 2
            usage = replace(usage, output_tokens=usage.output_tokens * 3)
        assert hasattr(held, "hold"), held
        opened.end(held.hold, Settlement(ending, cost, usage, model=call.model))
    opened.close()
    return path


# --- exports ----------------------------------------------------------------------------------


def grouped(calls: Iterable[Billed]) -> Iterator[tuple[tuple[str, str, str], list[Billed]]]:
    """Calls by day, model and bucket, as reports group them."""

    def key(call: Billed) -> tuple[str, str, str]:
        return call.day, call.model, call.bucket

    for found, same in itertools.groupby(sorted(calls, key=key), key):
        yield found, list(same)


def summed(calls: Iterable[Billed]) -> list[int]:
    """Their tokens by kind."""
    return [sum(column) for column in zip(*(call.tokens for call in calls), strict=True)]


def openai(calls: Sequence[Billed]) -> dict[str, Any]:
    """Usage and costs as the admin API tells them, in one page."""
    data = []
    for (day, model, bucket), same in grouped(calls):
        start = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
        plain, read, written, made = summed(same)
        usage = {
            "object": "organization.usage.completions.result", "model": model,
            "input_tokens": plain + read + written, "input_cached_tokens": read,
            "input_cache_write_tokens": written, "output_tokens": made,
            "num_model_requests": len(same), "api_key_id": bucket, "project_id": None,
        }  # fmt: skip
        cost = {
            "object": "organization.costs.result", "line_item": f"{model}, input",
            "amount": {"value": float(sum(call.usd for call in same)), "currency": "usd"},
        }  # fmt: skip
        head = {"object": "bucket", "start_time": start, "end_time": start + 86_400}
        data += [{**head, "results": [each]} for each in (usage, cost)]
    return {"object": "page", "data": data, "has_more": False, "next_page": None}


def anthropic(calls: Sequence[Billed]) -> dict[str, Any]:
    """Usage and cost reports, whose amounts are cents as text."""
    data = []
    for (day, model, bucket), same in grouped(calls):
        plain, read, written, made = summed(same)
        usage = {
            "model": model, "api_key_id": bucket, "uncached_input_tokens": plain,
            "cache_read_input_tokens": read, "output_tokens": made,
            "cache_creation": {"ephemeral_5m_input_tokens": written,
                               "ephemeral_1h_input_tokens": 0},
            "server_tool_use": {"web_search_requests": 0},
        }  # fmt: skip
        cents = sum(call.usd for call in same) * 100
        cost = {"model": model, "amount": f"{cents:f}", "currency": "USD", "cost_type": "tokens"}
        head = {"starting_at": f"{day}T00:00:00Z"}
        data += [{**head, "results": [each]} for each in (usage, cost)]
    return {"data": data, "has_more": False, "next_page": None}


def openrouter(calls: Sequence[Billed]) -> dict[str, Any]:
    """The activity: prompt tokens with those that were cached."""
    data = []
    for (day, model, bucket), same in grouped(calls):
        plain, read, written, made = summed(same)
        data.append({
            "date": day, "model": model, "model_permaslug": model, "endpoint_id": bucket,
            "provider_name": "x", "usage": float(sum(call.usd for call in same)),
            "byok_usage_inference": 0, "requests": len(same),
            "prompt_tokens": plain + read + written, "completion_tokens": made,
            "reasoning_tokens": 0,
        })  # fmt: skip
    return {"data": data}


def xai(calls: Sequence[Billed]) -> dict[str, Any]:
    """Usage by day and description, each series with a point for every day; dollars alone."""
    series = []
    for model in sorted({call.model for call in calls}):
        points = []
        for day in DAYS:
            usd = sum(call.usd for call in calls if (call.day, call.model) == (day, model))
            points.append({"timestamp": f"{day}T00:00:00Z", "values": [float(usd)]})
        series.append({"group": [model], "groupLabels": [model], "dataPoints": points})
    return {"timeSeries": series, "limitReached": False}


KINDS = ("input", "cache_read", "cache_write", "output")
CUR_WORDS = ("input-tokens", "cache-read-input-token-count", "cache-write-input-token-count",
             "output-tokens")  # fmt: skip
CUR_NAMES = {"anthropic.claude-sonnet-4-6": "Claude4.6Sonnet", "amazon.nova-pro-v1:0": "NovaPro"}
GOOGLE_WORDS = ("input", "cached input", "cache write input", "output")
AZURE_WORDS = ("Inp-glbl", "cached-Inp-glbl", "Cd Wr glbl", "Outp-glbl")
AZURE_NAMES = {"gpt-4o": "gpt-4o-0806", "gpt-4o-2024-08-06": "gpt-4o-0806",
               "gpt-4o-mini-2024-07-18": "gpt-4o-mini-0718"}  # fmt: skip


def parts(calls: Sequence[Billed]) -> Iterator[tuple[int, int, Decimal]]:
    """Of each kind of token that was billed: its number, its count, and its part of the money."""
    whole = sum(call.usd for call in calls)
    tokens = summed(calls)
    for kind, count in enumerate(tokens):
        if count:
            yield kind, count, whole * count / sum(tokens)


def cur(calls: Sequence[Billed]) -> str:
    """AWS's Cost and Usage Report 2.0: thousands of tokens, with services that are none of ours."""
    rows: list[list[object]] = [[
        "line_item_usage_account_id", "line_item_usage_start_date", "line_item_product_code",
        "line_item_usage_type", "line_item_usage_amount", "pricing_unit",
        "line_item_currency_code", "line_item_unblended_cost",
    ], ["1", f"{DAYS[0]}T01:00:00Z", "AmazonS3", "USE1-Requests-Tier1", "7", "Requests", "USD",
        "0.1"]]  # fmt: skip
    for (day, model, bucket), same in grouped(calls):
        for kind, count, usd in parts(same):
            sku = f"USE1-{CUR_NAMES[model]}-{CUR_WORDS[kind]}"
            rows.append([bucket, f"{day}T05:00:00Z", "AmazonBedrock", sku, count / 1000,
                         "1K tokens", "USD", f"{usd:f}"])  # fmt: skip
    return text(rows)


def focus(calls: Sequence[Billed]) -> str:
    """FOCUS 1.2, as AWS writes it."""
    rows: list[list[object]] = [[
        "BilledCost", "BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd", "ServiceName",
        "SkuMeter", "ChargeDescription", "ConsumedQuantity", "ConsumedUnit", "SubAccountId",
    ]]  # fmt: skip
    for (day, model, bucket), same in grouped(calls):
        for kind, count, usd in parts(same):
            sku = f"USE1-{CUR_NAMES[model]}-{CUR_WORDS[kind]}"
            rows.append([f"{usd:f}", "USD", f"{day}T00:00:00Z", f"{day}T01:00:00Z",
                         "Amazon Bedrock", sku, "", count / 1000, "1K tokens", bucket])  # fmt: skip
    return text(rows)


def google(calls: Sequence[Billed]) -> str:
    """Google's detailed export from BigQuery, as JSON Lines."""
    lines = []
    for (day, model, bucket), same in grouped(calls):
        for kind, count, usd in parts(same):
            name = f"Generate content {GOOGLE_WORDS[kind]} token count {model.replace('-', ' ')}"
            lines.append(json.dumps({
                "usage_start_time": f"{day} 00:00:00 UTC", "project": {"id": bucket},
                "service": {"id": "AEFD", "description": "Gemini API"}, "currency": "USD",
                "sku": {"id": "1", "description": f"{name} short text"},
                "usage": {"amount": count, "unit": "count"}, "cost": float(usd), "credits": [],
            }))  # fmt: skip
    return "\n".join(lines) + "\n"


def azure(calls: Sequence[Billed]) -> str:
    """Azure's cost details, with a byte order mark and dates as Americans write them."""
    header = "date meterCategory meterName quantity unitOfMeasure costInBillingCurrency"
    rows: list[list[object]] = [[*header.split(), "billingCurrency", "resourceId"]]
    for (day, model, bucket), same in grouped(calls):
        year, month_, date = day.split("-")
        for kind, count, usd in parts(same):
            sku = f"{AZURE_NAMES[model]}-{AZURE_WORDS[kind]} Tokens"
            rows.append([f"{month_}/{date}/{year}", "Azure OpenAI", sku, count / 1000, "1K",
                         f"{usd:f}", "USD", bucket])  # fmt: skip
    return "\ufeff" + text(rows)


def text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV."""
    made = io.StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue()


EXPORTS = {
    "openai": ("openai", openai), "anthropic": ("anthropic", anthropic),
    "openrouter": ("openrouter", openrouter), "cur": ("aws-bedrock", cur),
    "focus": ("aws-bedrock", focus), "google": ("google", google),
    "azure": ("azure-openai", azure),
}  # fmt: skip
