"""Promise: the table of providers says what the code does, and is never older than it."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rows import each_row

from llmcap.cli import main
from llmcap.providers import PROVIDERS, local, provider_of
from llmcap.providers.parts.shape import Provider
from llmcap.replies import DIALECTS
from llmcap.screens import catalogue

ALL = (*PROVIDERS, local.PROVIDER)
README = Path(catalogue.__file__).parents[1] / "providers" / "README.md"
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "exchanges.jsonl"


def test_the_written_table_is_the_code_s():
    """`scripts/provider_table` writes it."""
    assert README.read_text("utf-8") == catalogue.markdown()


@each_row("provider", ALL, ids=lambda provider: provider.name)
def test_every_path_of_the_table_leads_where_it_says(provider: Provider):
    """A path of the document, filled in, finds an endpoint that costs what the document says."""
    listed = list(catalogue.rows(provider))
    assert listed
    for row in listed:
        for told in row.paths:
            methods, _, path = told.rpartition(" ")
            method = methods.partition(",")[0]
            filled = path.replace("{version}", "v1beta").replace("{}", "x").replace("/**", "/x")
            found = provider.match(method or "POST", filled)
            assert found is not None, told
            if provider.match is not local.match and "**" not in path:
                assert catalogue.KINDS[found.billing] == row.bill or "{}" in path, told


@each_row("provider", ALL, ids=lambda provider: provider.name)
def test_every_refusal_has_a_shape_and_every_bill_a_measure(provider: Provider):
    """No endpoint falls back on a shape that is not its own, none that costs has no reader."""
    table = getattr(provider.match, "table", provider.routes)
    for _, path, endpoint in table:
        assert endpoint.dialect in DIALECTS, path
        if endpoint.billing.value == "metered":
            assert endpoint.read is not None, path
            assert endpoint.reader is not None, path


@pytest.mark.skipif(not CORPUS.is_file(), reason="no recorded traffic at ../shared/corpus")
def test_what_is_said_to_be_recorded_is():
    """Counted again from the recordings."""
    result = CliRunner().invoke(main, ["audit", "--json", str(CORPUS)])
    counts: dict[str, dict[str, int]] = {}
    for line in result.stdout.splitlines():
        row = json.loads(line)
        if row["provider"] and row["endpoint"]:
            of_provider = counts.setdefault(row["provider"], {})
            of_provider[row["endpoint"]] = of_provider.get(row["endpoint"], 0) + 1
    assert json.loads(catalogue.RECORDED.read_text("utf-8")) == counts


# --- the command ----------------------------------------------------------------------------


def test_the_command_lists_providers_and_their_hosts():
    """Everyone of the table."""
    lines = CliRunner().invoke(main, ["providers"]).stdout.splitlines()
    assert len(lines) == len(ALL) + 2
    assert any(re.match(r"mistral +(\d+ +){5}api\.mistral\.ai", line) for line in lines)
    sums = [int(each) for each in re.findall(r"\d+", lines[-1])]
    assert sums[0] == sum(catalogue.counted(each)["metered"] for each in ALL)
    assert all(sums)


def test_the_command_lists_who_is_not_metered():
    """With what becomes of a connection, as a table and as JSON."""
    shown = CliRunner().invoke(main, ["providers", "--unmetered"]).stdout
    assert re.search(r"^fal +refuse +pictures and films +fal\.run", shown, re.MULTILINE)
    listed = json.loads(CliRunner().invoke(main, ["providers", "--unmetered", "--json"]).stdout)
    assert {each["unless_said"] for each in listed} == {"refuse", "warn"}


def test_the_command_shows_one_provider():
    """Its paths, as a table and as JSON."""
    shown = CliRunner().invoke(main, ["providers", "openrouter"]).stdout
    assert "POST /api/v1/chat/completions" in shown
    assert "the provider's own bill" in shown
    rows = json.loads(CliRunner().invoke(main, ["providers", "openrouter", "--json"]).stdout)
    assert {row["bill"] for row in rows} == set(catalogue.KINDS.values())
    everyone = json.loads(CliRunner().invoke(main, ["providers", "--json"]).stdout)
    assert all(provider_of(each["hosts"][0].replace("*", "x")) for each in everyone[1:3])


def test_a_name_that_is_nearly_right_is_named():
    """And not all the others."""
    said = CliRunner().invoke(main, ["providers", "opnai"]).output
    assert "hint: is it openai" in said
    assert "mistral" not in said


@pytest.mark.parametrize(
    "arguments",
    [["opnai"], ["--markdown", "openai"], ["--markdown", "--json"], ["--unmetered", "openai"]],
)
def test_a_mistake_is_one_line(arguments: list[str]):
    """Exit code 2, and no traceback."""
    result = CliRunner().invoke(main, ["providers", *arguments])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_command_writes_the_document():
    """What `scripts/provider_table` calls."""
    assert CliRunner().invoke(main, ["providers", "--markdown"]).stdout == catalogue.markdown()


def test_every_path_of_the_instructions_exists():
    """To add a provider, or an endpoint, one opens files that are there."""
    named = set(re.findall(r"`([\w/]+(?:\.\w+|/))`", catalogue.HEAD))
    root = README.parents[3]
    places = (README.parent, README.parent / "openai", README.parent / "mistral", root)
    assert {"vendors.py", "parts/shape.py", "mistral/"} <= named
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
