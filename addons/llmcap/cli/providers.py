"""`llmcap providers`: whose requests LLMCap knows, and how it meters each of them."""

import click

from llmcap.catalogue import markdown, rows
from llmcap.cli.options import json_option
from llmcap.cli.output import echo, echo_json, echo_table
from llmcap.errors import ConfigError
from llmcap.providers import provider_named, provider_names


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", "as_markdown", is_flag=True, help="All of them, as a document.")
@json_option
def providers(name: str | None, *, as_markdown: bool, as_json: bool) -> None:
    """
    Show what LLMCap knows of the provider NAME: its paths, what they cost, how they are metered.

    Without NAME the providers are listed with their hosts.
    """
    if as_markdown:
        if name or as_json:
            raise ConfigError("--markdown is the whole document: it takes neither NAME nor --json")
        echo(markdown().removesuffix("\n"))
        return
    if name is None:
        found = [provider_named(each) for each in provider_names()]
        if as_json:
            echo_json([{"name": each.name, "hosts": list(each.hosts)} for each in found])
            return
        echo_table(("PROVIDER", "HOSTS"), [(each.name, ", ".join(each.hosts)) for each in found])
        return
    provider = provider_named(name)
    if as_json:
        echo_json([row.document() for row in rows(provider)])
        return
    echo_table(
        ("REQUEST", "BILL", "METERED BY"),
        [(path, row.bill, row.metered) for row in rows(provider) for path in row.paths],
    )
