"""
What LLMCap knows of every provider, as a document for people, made from the tables that decide.

Nothing in it is written by hand but the words around the tables. How many exchanges were recorded,
and what becomes of them, is counted from recordings (`recorded.json`, `rehearsed.json`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from llmcap.providers import PROVIDERS, local, sellers
from llmcap.providers.parts.billed import Billed
from llmcap.providers.parts.reader import BaseReader
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Billing, Endpoint, Provider
from llmcap.providers.unmetered import everyone
from llmcap.replies import DIALECTS

RECORDED = Path(__file__).parents[1] / "providers" / "recorded.json"
REHEARSED = RECORDED.with_name("rehearsed.json")

KINDS = {
    Billing.METERED: "billed",
    Billing.DEFERRED: "told later",
    Billing.UPLOAD: "read ahead",
    Billing.FREE: "free",
    Billing.UNMETERABLE: "out of sight",
}

# The same as columns of figures: what is told later or read ahead costs nothing itself.
COUNTED = {
    "metered": KINDS[Billing.METERED],
    "free": KINDS[Billing.FREE],
    "deferred": KINDS[Billing.DEFERRED],
    "upload": KINDS[Billing.UPLOAD],
    "refused": KINDS[Billing.UNMETERABLE],
}

HEAD = """\
<!-- Made by `llmcap providers --markdown`. Do not edit: change the tables in this folder. -->

# Providers

Which requests LLMCap knows, what each does to the bill, and how it is metered, limited, cut and
refused. It is made from the tables in this folder.

- **Billed** requests are held before they go and settled from what the answer tells. Where nothing
  is told, what was held is what counts.
- **Told later**: costs nothing itself, and may carry the usage of an earlier call, charged once.
- **Read ahead**: costs nothing itself; what is uploaded is summed up for the batch or the training
  that is ordered of it.
- **Free** requests always pass, also when a cap is reached.
- **Out of sight**: spends where no proxy sees it. Refused, unless `unknown_endpoints: pass`.
- A path that is not here is unknown: refused where a host serves only an API, passed where it also
  serves a product (marked *also a product*); `unknown_endpoints` decides otherwise.
- **Clamp**: the output limit of the request can be lowered to what is left. **Cut**: how a stream
  ends that may not go on. **Refusal**: the status, and whose error it looks like.
- **Recorded**: how many exchanges with the real provider the tests replay.

**To add a provider** that speaks OpenAI's API: a row in `vendors.py`, and its prices in `pricing/`.
One that differs by more than a row can say has a file of its own, such as `groq.py`. One with
formats of its own has a folder such as `mistral/`: `provider.py` for hosts and routes, and a file
for each format, named as in `openai/`: `chat.py`, `batches.py`, `files.py`, `embeddings.py`,
`audio.py`. Both stand in `__init__.py`.

**To add an endpoint**: an `Endpoint` (`parts/shape.py`) with a reader of requests and a reader of
answers, a route to it in its `provider.py` or file, the fields of its request in
`parts/fields/`; then `scripts/provider_table`.

A host of your own needs no code:

```yaml
providers:
- host: llm.example.com
  like: openai                # whose API it speaks: any name below
  prices:
    our-model: {input: 1.50, output: 6, max_output: 8192}
```
"""

COLUMNS = ("Request", "Endpoint", "Bill", "Metered by", "Clamp", "Cut", "Refusal", "Recorded")


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint of a provider, with all the paths that lead to it."""

    paths: tuple[str, ...]
    endpoint: str
    bill: str
    metered: str
    clamp: str
    cut: str
    refusal: str
    recorded: int

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in Row.__dataclass_fields__}


def counted(provider: Provider) -> dict[str, int]:
    """How many endpoints of a provider there are, by what a request to them does to the bill."""
    found = [row.bill for row in rows(provider)]
    return {name: found.count(kind) for name, kind in COUNTED.items()}


def rows(provider: Provider) -> Iterator[Row]:
    """The endpoints of a provider, those that cost first."""
    table = provider.match.table if isinstance(provider.match, Routes) else provider.routes
    paths: dict[Endpoint, list[str]] = {}
    for method, path, endpoint in table:
        first = method.partition("|")[0]
        if "{}" not in path and "**" not in path and provider.match(first, path) != endpoint:
            continue  # the provider's own route for it comes first
        told = path if method == "*" else f"{method.replace('|', ', ')} {path or '/'}"
        paths.setdefault(endpoint, []).append(told)
    recorded = _recorded().get(provider.name, {})
    for endpoint in sorted(paths, key=lambda each: list(KINDS).index(each.billing)):
        yield Row(
            paths=tuple(dict.fromkeys(paths[endpoint])),
            endpoint=endpoint.name,
            bill=KINDS[endpoint.billing],
            metered=_metered(endpoint),
            clamp=_clamp(provider, endpoint),
            cut=_cut(endpoint),
            refusal=_refusal(endpoint),
            recorded=recorded.get(endpoint.name, 0),
        )


def markdown() -> str:
    """The whole document."""
    parts = [HEAD]
    for provider in (*PROVIDERS, local.PROVIDER):
        if provider in sellers.PROVIDERS:
            continue
        hosts = ", ".join(f"`{host}`" for host in provider.hosts)
        product = "" if provider.api_only else " *Also a product.*"
        parts.append(f"## {provider.name}\n\n{hosts}.{product} Prices: `{provider.price_key}`.\n")
        parts.append(_table(provider))
    parts.append(_sellers())
    parts.append(_unmetered())
    parts.append(_rehearsed())
    return "\n".join(parts)


def _sellers() -> str:
    lines = [
        "## Known by name, and in no price book\n",
        "They have the endpoints of the table above that a vendor of OpenAI's API has, below these",
        "paths. Their models are refused until the config has a price for them.\n",
        "| Provider | Hosts | Below | Said by |",
        "| --- | --- | --- | --- |",
    ]
    for seller in sellers.SELLERS:
        hosts = ", ".join(f"`{host}`" for host in seller.hosts)
        bases = ", ".join(f"`{base or '/'}`" for base in (*seller.bases, *seller.messages))
        lines.append(f"| {seller.name} | {hosts} | {bases} | {seller.source} |")
    return "\n".join(lines) + "\n"


def _unmetered() -> str:
    lines = [
        "## Not metered\n",
        "Connections to these hosts are not looked into. `unmetered_hosts` decides about all of",
        "them, `pass_hosts` about one; this is what becomes of them where neither says anything.\n",
        "| Seller | Sells | Hosts | Unless said otherwise | Said by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in everyone():
        hosts = ", ".join(f"`{host}`" for host in each.hosts)
        told = f"| {each.name} | {each.sells} | {hosts} | {each.unless_said} | {each.source} |"
        lines.append(told)
    return "\n".join(lines) + "\n"


def _rehearsed() -> str:
    found = json.loads(REHEARSED.read_text("utf-8"))
    total = sum(count for _, _, count in found["verdicts"])
    lines = [
        "## What becomes of recorded traffic\n",
        f"The verdicts of `llmcap audit --holds` on the {total} recorded exchanges, without a cap",
        "and with the default settings; then the refused ones. A model is named as its answer told",
        "it, else as it was asked for.\n",
        "| Verdict | Reason | Exchanges |",
        "| --- | --- | --- |",
        *(f"| {verdict} | {reason} | {count} |" for verdict, reason, count in found["verdicts"]),
        "",
        "| Refused as | Provider | Endpoint | Exchanges | Models |",
        "| --- | --- | --- | --- | --- |",
    ]
    for reason, provider, endpoint, count, models in found["refused"]:
        told = ", ".join(f"`{model}`" for model in models)
        lines.append(f"| {reason} | {provider} | {endpoint} | {count} | {told} |")
    return "\n".join(lines) + "\n"


def _table(provider: Provider) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    for row in rows(provider):
        told = ", ".join(f"`{path}`" for path in row.paths)
        number = str(row.recorded) if row.recorded else ""
        cells = (
            told, row.endpoint, row.bill, row.metered, row.clamp, row.cut, row.refusal, number
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _metered(endpoint: Endpoint) -> str:
    reader = endpoint.reader
    unmetered = (Billing.FREE, Billing.UNMETERABLE, Billing.UPLOAD)
    if reader is None or endpoint.billing in unmetered:
        return ""
    told = "the provider's own bill, else " if isinstance(reader, Billed) else ""
    plain = reader.reader if isinstance(reader, Billed) else reader
    if isinstance(plain, partial):
        plain = plain.func
    words = plain.tells if isinstance(plain, type) and issubclass(plain, BaseReader) else "usage"
    asked = "; streams are asked for it" if endpoint.ask_usage is not None else ""
    return f"{told}{words}{asked}"


def _clamp(provider: Provider, endpoint: Endpoint) -> str:
    if endpoint.limit is None:
        return ""
    signs = provider.signed({"authorization": "AWS4-HMAC-SHA256 Credential=x"})
    return "yes, unless signed" if signs else "yes"


def _cut(endpoint: Endpoint) -> str:
    if endpoint.limit is None or endpoint.billing is not Billing.METERED:
        return ""
    return "exception frame" if endpoint.dialect == "bedrock" else "error event"


def _refusal(endpoint: Endpoint) -> str:
    if endpoint.billing in (Billing.FREE, Billing.DEFERRED, Billing.UPLOAD):
        return ""
    shape = DIALECTS.get(endpoint.dialect, DIALECTS["generic"])
    status = 400 if endpoint.billing is Billing.UNMETERABLE else shape.status
    return f"{status} {endpoint.dialect}"


def _recorded() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(RECORDED.read_text("utf-8"))
    return found
