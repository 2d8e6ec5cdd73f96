"""`llmcap providers`: whose requests LLMCap knows, and how it meters each of them."""

import click

from llmcap.cli.options import json_option
from llmcap.cli.output import echo, echo_json, echo_table
from llmcap.providers import provider_named, provider_names
from llmcap.providers.unmetered import everyone
from llmcap.screens.catalogue import COUNTED, counted, markdown, rows
from llmcap.words.errors import ConfigError


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", "as_markdown", is_flag=True, help="All of them, as a document.")
@click.option("--unmetered", "not_metered", is_flag=True, help="Who sells and is not metered.")
@json_option
def providers(name: str | None, *, as_markdown: bool, not_metered: bool, as_json: bool) -> None:
    """
    Show what LLMCap knows of the provider NAME: its paths, what they cost, how they are metered.

    Without NAME the providers are listed with their hosts, and how many of their endpoints are
    metered, free, told later, read ahead and refused.
    """
    if not_metered:
        if name or as_markdown:
            raise ConfigError("--unmetered takes neither NAME nor --markdown")
        _show_unmetered(as_json=as_json)
        return
    if as_markdown:
        if name or as_json:
            raise ConfigError("--markdown is the whole document: it takes neither NAME nor --json")
        echo(markdown().removesuffix("\n"))
        return
    if name is None:
        found = [provider_named(each) for each in provider_names()]
        counts = [counted(each) for each in found]
        if as_json:
            echo_json([
                {"name": each.name, "hosts": list(each.hosts), "endpoints": count}
                for each, count in zip(found, counts, strict=True)
            ])  # fmt: skip
            return
        columns = ("PROVIDER", *(name.upper() for name in COUNTED), "HOSTS")
        lines = [
            (each.name, *map(str, count.values()), ", ".join(each.hosts))
            for each, count in zip(found, counts, strict=True)
        ]
        sums = [str(sum(count[name] for count in counts)) for name in COUNTED]
        echo_table(columns, [*lines, ("all of them", *sums, "")])
        return
    provider = provider_named(name)
    if as_json:
        echo_json([row.document() for row in rows(provider)])
        return
    echo_table(
        ("REQUEST", "BILL", "METERED BY"),
        [(path, row.bill, row.metered) for row in rows(provider) for path in row.paths],
    )


def _show_unmetered(*, as_json: bool) -> None:
    """Who sells model calls and is not metered, and what becomes of connections to them."""
    if as_json:
        echo_json([
            {
                "name": each.name,
                "hosts": list(each.hosts),
                "sells": each.sells,
                "unless_said": str(each.unless_said),
                "source": each.source,
            }
            for each in everyone()
        ])  # fmt: skip
        return
    echo_table(
        ("SELLER", "UNLESS SAID", "SELLS", "HOSTS"),
        [
            (each.name, str(each.unless_said), each.sells, ", ".join(each.hosts))
            for each in everyone()
        ],
    )
