"""The provider's own bill beside the ledger, through the real mitmdump: what escapes is found."""

import http.client
import json
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

from tests.reconcile.bills import EXPORTS, Billed

from fake_provider.process import ProviderHandle
from llmcap.ledger import history
from llmcap.pricing import PriceBook
from llmcap.reconcile.compare import Cause, Theirs, Verdict, compare
from llmcap.reconcile.exports import export
from llmcap.reconcile.ours import ours
from llmcap.reconcile.skus import Models

from .conftest import Start
from .plainly import post

PATH = "/v1/chat/completions"
MODEL = "gpt-5-mini"


def body(words: int) -> dict[str, object]:
    """A call that reads about so many tokens."""
    messages = [{"role": "user", "content": "word " * words}]
    return {"model": MODEL, "max_completion_tokens": 50, "messages": messages}


def directly(provider: ProviderHandle, words: int) -> None:
    """The same past the proxy."""
    context = ssl.create_default_context(cafile=str(provider.ca))
    connection = http.client.HTTPSConnection("localhost", provider.port, context=context)
    try:
        headers = {"host": "api.openai.com", "content-type": "application/json"}
        connection.request("POST", PATH, json.dumps(body(words)), headers)
        assert connection.getresponse().read()
    finally:
        connection.close()


def page(provider: ProviderHandle, escaped: int) -> dict[str, Any]:
    """The bill as the admin API tells it; the calls from number `escaped` on have another key."""
    start = int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    buckets = []
    for place, record in enumerate(provider.bill()["records"]):
        usage = {
            "object": "organization.usage.completions.result", "model": record["model"],
            "input_tokens": record["fresh"] + record["cached"] + record["written"],
            "input_cached_tokens": record["cached"],
            "input_cache_write_tokens": record["written"], "output_tokens": record["output"],
            "num_model_requests": 1, "api_key_id": "away" if place >= escaped else "known",
        }  # fmt: skip
        cost = {"object": "organization.costs.result", "line_item": f"{record['model']}, input",
                "amount": {"value": int(record["nanos"]) / 1e9, "currency": "usd"}}  # fmt: skip
        buckets.append({"object": "bucket", "start_time": start, "results": [usage, cost]})
    return {"object": "page", "data": buckets, "has_more": False}


def verdict(
    folder: Path, ledger: Path, document: dict[str, Any] | str, whose: str = "openai"
) -> Verdict:
    """Both sides laid together, as if the day were over."""
    file = folder / "usage"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    book, now = PriceBook(), datetime.now(UTC)
    with history.reading(ledger) as db:
        counted = ours(db, [whose], now - timedelta(days=1), now + timedelta(days=1))
    models = Models({model for _, model in counted.by_key})

    def named(model: str) -> str:
        known = models.find(model)
        price = book.find(whose, known, now)
        return price.model if price else known

    theirs = Theirs()
    with export(file) as opened:
        for line in opened.lines:
            theirs.add(line, named)
    counted.by_key = {(day, named(model)): each for (day, model), each in counted.by_key.items()}
    return compare(theirs, counted, book, whose, (now + timedelta(days=1)).date().isoformat())


def test_what_the_provider_billed_is_what_was_counted(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """To the token and to the dollar; a call past the proxy is found, and its key is named."""
    proxy = start(cap="5")
    for words in (10, 200, 3000):
        status, _ = post(proxy, f"https://api.openai.com{PATH}", body(words))
        assert status == 200
    proxy.settle()
    told = verdict(tmp_path, proxy.ledger, page(provider, escaped=99))
    assert told.differences == ()
    assert told.theirs.nanos == told.ours.nanos == provider.nanos()
    assert told.captured == sum(told.theirs.tokens)

    directly(provider, 500)
    told = verdict(tmp_path, proxy.ledger, page(provider, escaped=3))
    (each,) = told.differences
    assert each.cause is Cause.NOT_SEEN
    assert each.told == "it is all of away"


# Of each vendor: a call, and the forms in which its bill is to be had.
VENDORS: dict[str, tuple[str, dict[str, object], tuple[str, ...]]] = {
    "openai": (f"https://api.openai.com{PATH}", body(300), ("openai",)),
    "anthropic": (
        "https://api.anthropic.com/v1/messages",
        {"model": "claude-haiku-4-5", "max_tokens": 50,
         "messages": [{"role": "user", "content": "word " * 300}]},
        ("anthropic",),
    ),
    "google": (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
        {"contents": [{"parts": [{"text": "word " * 300}]}],
         "generationConfig": {"maxOutputTokens": 50}},
        ("google",),
    ),
    "aws-bedrock": (
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-pro-v1:0/converse",
        {"messages": [{"role": "user", "content": [{"text": "word " * 300}]}],
         "inferenceConfig": {"maxTokens": 50}},
        ("cur", "focus"),
    ),
    "azure-openai": (
        "https://example.openai.azure.com/openai/v1/chat/completions",
        {**body(300), "model": "gpt-4o"},
        ("azure",),
    ),
    "openrouter": (
        "https://openrouter.ai/api/v1/chat/completions",
        {**body(300), "model": "openai/gpt-5-mini"},
        ("openrouter",),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OnBill(Billed):
    """A call as the provider's own tariff has it, which nothing of ours has computed."""

    owed: int = 0

    @property
    def usd(self) -> Decimal:
        """What the provider says."""
        return Decimal(self.owed) / 1_000_000_000


def billed(provider: ProviderHandle, whose: str) -> list[OnBill]:
    """The provider's books since they were opened."""
    day = datetime.now(UTC).date().isoformat()
    return [
        OnBill(
            whose, record["model"], day,
            (record["fresh"], record["cached"], record["written"], record["output"]),
            bucket="known", owed=int(record["nanos"]),
        )
        for record in provider.bill()["records"]
    ]  # fmt: skip


def test_the_bill_of_every_vendor_agrees_in_each_of_its_forms(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """Written from the provider's books alone; a wrong price and a call that escaped are found."""
    proxy = start(cap="5")
    found: dict[str, list[OnBill]] = {}
    for whose, (url, document, _) in VENDORS.items():
        provider.reset()
        for _ in range(2):
            assert post(proxy, url, document)[0] == 200, whose
        found[whose] = billed(provider, whose)
    proxy.settle()
    for whose, (_, _, forms) in VENDORS.items():
        right = found[whose]
        wrong = [replace(each, owed=each.owed * 2) for each in right]
        away = [*right, replace(right[0], bucket="away")]
        for form, (calls, cause) in product(
            forms, ((right, None), (wrong, Cause.PRICED), (away, Cause.NOT_SEEN))
        ):
            told = verdict(tmp_path, proxy.ledger, EXPORTS[form][1](calls), whose)
            assert [each.cause for each in told.differences] == ([cause] if cause else []), (
                form, told.differences,
            )  # fmt: skip
