"""The provider's own bill beside the ledger, through the real mitmdump: what escapes is found."""

import http.client
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fake_provider.process import ProviderHandle
from llmcap.ledger import history
from llmcap.pricing import PriceBook
from llmcap.reconcile.compare import Cause, Theirs, Verdict, compare
from llmcap.reconcile.exports import export
from llmcap.reconcile.ours import ours

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


def verdict(folder: Path, ledger: Path, document: dict[str, Any]) -> Verdict:
    """Both sides laid together, as if the day were over."""
    file = folder / "usage.json"
    file.write_text(json.dumps(document))
    book, now = PriceBook(), datetime.now(UTC)

    def named(model: str) -> str:
        price = book.find("openai", model, now)
        return price.model if price else model

    theirs = Theirs()
    with export(file) as opened:
        for line in opened.lines:
            theirs.add(line, named)
    with history.reading(ledger) as db:
        counted = ours(db, ["openai"], now - timedelta(days=1), now + timedelta(days=1))
    counted.by_key = {(day, named(model)): each for (day, model), each in counted.by_key.items()}
    return compare(theirs, counted, book, "openai", (now + timedelta(days=1)).date().isoformat())


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
