"""`llmcap prices`: what a model costs, and where that comes from."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from llmcap.cli.newer import reset, update
from llmcap.cli.options import config_option, json_option, moment, policy_here
from llmcap.cli.output import echo, echo_json, echo_table
from llmcap.config import book_of
from llmcap.pricing import PriceBook, units
from llmcap.pricing.files import find_folder, read_document
from llmcap.words.counts import several
from llmcap.words.errors import PriceError
from llmcap.words.meant import meant
from llmcap.words.records import Price, Tier

# The entry of models on the user's own machine: it fits every name, so it answers none.
_ANY_MODEL = "*"

_MAIN_UNITS = ("input", "cache_read", "cache_write", "cache_write_1h", "output")


class PricesGroup(click.Group):
    """`llmcap prices MODEL` is `llmcap prices show MODEL`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words, with `show` before them where they name no command."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=PricesGroup, options_metavar="", subcommand_metavar="[MODEL] | COMMAND ...")
def prices() -> None:
    """What models cost, and newer prices than those of the release: MODEL alone shows them."""


prices.add_command(update)
prices.add_command(reset)


@prices.command()
@click.argument("model", required=False)
@click.option("--at", "when", default="now", show_default=True, help="Prices as of this time.")
@config_option
@json_option
def show(model: str | None, when: str, config_path: Path | None, *, as_json: bool) -> None:
    """
    Show what MODEL costs at every provider that sells it.

    MODEL is a model's id, `provider/model`, or a provider's name for all of its models; without it
    the providers are listed. Prices are in USD per million tokens, other units as told.
    """
    at = moment(when, now=datetime.now(UTC))
    book = book_of(policy_here(config_path))
    if model is None:
        _show_providers(book, as_json=as_json)
        return
    found = list(offers(book, model, at))
    if not found:
        raise PriceError(
            f"{model!r} has no price, neither at a provider nor in the config\n"
            f"hint: {meant(model, _names(book, model))}`llmcap prices` lists the providers, "
            "`llmcap prices PROVIDER` their models, `llmcap prices update` takes newer prices "
            "than those of the release"
        )
    if as_json:
        echo_json([_document(provider, price) for provider, price in found])
    elif len(found) > 1 or model in book.providers():
        _show_table(found)
    else:
        _show_one(*found[0])


def offers(book: PriceBook, model: str, at: datetime) -> Iterator[tuple[str, Price]]:
    """Every provider with its price of the model, those that name it themselves."""
    if model in book.providers():
        for each in book.models(model):
            if price := book.find(model, each, at):
                yield model, price
        return
    provider, slash, rest = model.partition("/")
    if slash and provider in book.providers():
        if price := book.find(provider, rest, at):
            yield provider, price
        return
    for provider in book.providers():
        price = book.find(provider, model, at)
        if price is not None and price.model != _ANY_MODEL:
            yield provider, price


def _names(book: PriceBook, model: str) -> set[str]:
    """What such a name may have been: of that provider's models, or of everybody's."""
    provider, slash, _ = model.partition("/")
    if slash and provider in book.providers():
        return {f"{provider}/{each}" for each in book.models(provider)}
    return {
        *book.providers(),
        *(each for seller in book.providers() for each in book.models(seller)),
    }


def _document(provider: str, price: Price) -> dict[str, Any]:
    source = _origin(provider)
    return {
        "provider": provider,
        "model": price.model,
        "rates_usd": _rates(price.rates),
        "tiers": [_tier(tier) for tier in price.tiers],
        "variants": {
            term: {
                "factor": str(variant.factor),
                "rates_usd": _rates(variant.rates),
                "tiers": [_tier(tier) for tier in variant.tiers],
            }
            for term, variant in price.variants.items()
        },
        "per": {name: units()[name].per for name in price.rates},
        "max_output": price.max_output,
        "context_window": price.context_window,
        "since": price.since,
        "source": price.source,
        "published": source.get("source"),
        "checked": source.get("checked"),
    }


def _rates(rates: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts as text, in the order of the registry of units."""
    return {name: f"{rates[name]:f}" for name in units() if name in rates}


def _tier(tier: Tier) -> dict[str, Any]:
    return {"above": tier.above, "marginal": tier.marginal, "rates_usd": _rates(tier.rates)}


def _origin(provider: str) -> dict[str, Any]:
    """The provider's file of the book, for where its prices were taken from and when."""
    folder = find_folder()
    return read_document(folder, provider) if (folder / f"{provider}.yaml").is_file() else {}


def _show_providers(book: PriceBook, *, as_json: bool) -> None:
    rows = [
        (name, len(book.models(name)), _origin(name).get("checked", ""))
        for name in book.providers()
    ]
    if as_json:
        keys = ("provider", "models", "checked")
        echo_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    echo_table(
        ("PROVIDER", "MODELS", "CHECKED"),
        [(name, str(count), str(checked)) for name, count, checked in rows],
        right="lr",
    )


def _show_table(found: list[tuple[str, Price]]) -> None:
    rows = []
    for provider, price in found:
        shown = _rates(price.rates)
        rates = [shown.get(name, "") for name in _MAIN_UNITS]
        rows.append((provider, price.model, *rates, price.since or "", price.source))
    headers = (
        "PROVIDER",
        "MODEL",
        "INPUT",
        "READ",
        "WRITE",
        "WRITE 1H",
        "OUTPUT",
        "SINCE",
        "SOURCE",
    )
    echo_table(headers, rows, right="llrrrrrll")


def _show_one(provider: str, price: Price) -> None:
    origin = _origin(provider)
    echo(f"{provider}/{price.model}")
    echo_table(("UNIT", "USD", "PER"), list(_lines(price)), right="lrr")
    for name in ("context_window", "max_output"):
        if (limit := getattr(price, name)) is not None:
            echo(f"{name.replace('_', ' ')}: {several(limit, 'token')}")
    echo(f"since: {price.since or 'as far back as known'}")
    echo(f"source: {price.source}")
    if origin.get("source"):
        echo(f"published: {origin['source']} (checked {origin.get('checked', '?')})")


def _lines(price: Price) -> Iterator[tuple[str, str, str]]:
    """Unit, amount and count of each rate; then what tiers and variants change."""
    yield from _rate_lines(price.rates, "")
    for tier in price.tiers:
        yield from _rate_lines(tier.rates, f" above {tier.above:,}")
    for term, variant in price.variants.items():
        if variant.factor != 1:
            yield f"all, {term}", f"x {variant.factor:f}", ""
        yield from _rate_lines(variant.rates, f", {term}")
        for tier in variant.tiers:
            yield from _rate_lines(tier.rates, f", {term}, above {tier.above:,}")


def _rate_lines(rates: Mapping[str, Decimal], terms: str) -> Iterator[tuple[str, str, str]]:
    for name, rate in _rates(rates).items():
        yield f"{name}{terms}", rate, f"{units()[name].per:,}"
