"""`llmcap config`: which file it is, whether it is right, and what an editor should know of it."""

import fnmatch
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from llmcap.budgets.budget import describe
from llmcap.cli.options import file_named, json_option
from llmcap.cli.output import echo, echo_json, tell
from llmcap.cli.prices import offers
from llmcap.config import book_of, load
from llmcap.config.files import FILE_NAME, find, is_met, load_met, user_folder
from llmcap.config.schema import json_schema
from llmcap.config.trust import trust as trust_file
from llmcap.launch.swapped import missing
from llmcap.notices.sinks import sink_for
from llmcap.providers import provider_hint, provider_names
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError
from llmcap.words.paths import make_folder
from llmcap.words.records import Policy

_EXAMPLE = """\
# LLMCap's budgets; `llmcap config check` checks this file.
# yaml-language-server: $schema={schema}
budgets:
- name: everything
  cap: $5
  every: day
  at: {{80%: warn}}
"""


@click.group()
def config() -> None:
    """Find, check and describe the config file, llmcap.yaml."""


path_argument = click.argument(
    "path", required=False, callback=file_named, type=click.Path(dir_okay=False, path_type=Path)
)


@config.command()
@path_argument
@json_option
def check(path: Path | None, *, as_json: bool) -> None:
    """
    Check a config: PATH, or the one that a proxy started here would use.

    Exits with 0 and lists the budgets, or with 2 and names file, line, key and value.
    """
    found = _found(path)
    policy = load(found)
    for target in policy.alerts:
        sink_for(target)
    tell(f"{found} is right")
    if path is None and is_met(found):
        _, ignored = load_met(found)
        if ignored:
            tell(f"it is not trusted, so these are not in force: {', '.join(ignored)}")
            tell("hint: read it, then say `llmcap config trust`")
    for why in missing(policy, os.environ):
        tell(f"`llmcap run` would not start from here: {why}")
    for name, model in _unknown_models(policy):
        tell(f"{name}: no provider sells {model!r}: a downgrade to it does nothing")
    for name, pattern, near in _unknown_providers(policy):
        tell(f"{name}: there is no provider {pattern!r}, so it counts no call of one; {near}")
    if as_json:
        budgets = [{"name": budget.name, "means": describe(budget)} for budget in policy.budgets]
        echo_json({"file": str(found), "budgets": budgets})
        return
    for budget in policy.budgets:
        echo(describe(budget))
    if not policy.budgets:
        tell("there is no budget in it: LLMCap would meter, and cap nothing")


@config.command()
@path_argument
def trust(path: Path | None) -> None:
    """
    Let a config that lies in a checkout do all that it says: PATH, or the one that is used here.

    Until then it can only make things stricter than your own config. It is trusted as it is now: a
    change has to be trusted again.
    """
    found = _found(path)
    policy = load(found)
    kept = trust_file(found)
    budgets = several(len(policy.budgets), "budget")
    tell(f"{found} is trusted as it is now: {budgets} (noted in {kept})")


@config.command()
def path() -> None:
    """Print the path of the config that a proxy started here would use."""
    echo(str(_found(None)))


@config.command()
def schema() -> None:
    """Print the JSON schema of a config, for editors."""
    echo_json(json_schema())


@config.command()
@path_argument
def init(path: Path | None) -> None:
    """Write a first config and its schema: to PATH, or to your own config folder."""
    path = path or user_folder() / FILE_NAME
    schema_path = path.with_suffix(".schema.json")
    try:
        make_folder(path.parent)
        schema_path.write_text(_text(json_schema()), encoding="utf-8")
        with path.open("x", encoding="utf-8") as file:
            file.write(_EXAMPLE.format(schema=schema_path.name))
    except FileExistsError:
        raise ConfigError(f"{path} is there already, and was left as it is") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    tell(f"wrote {path} and {schema_path}")


def _unknown_models(policy: Policy) -> list[tuple[str, str]]:
    """Models that budgets would downgrade to, and that have no price anywhere."""
    wanted = [
        (budget.name, model)
        for budget in policy.budgets
        for threshold in budget.at
        for model in threshold.models
    ]
    if not wanted:
        return []
    book, now = book_of(policy), datetime.now(UTC)
    return [each for each in wanted if not any(offers(book, each[1], now))]


def _unknown_providers(policy: Policy) -> list[tuple[str, str, str]]:
    """Patterns of budgets that fit no provider, and what may have been meant."""
    known = [*provider_names(), *(own.name.lower() for own in policy.hosts)]
    return [
        (budget.name, pattern, provider_hint(pattern))
        for budget in policy.budgets
        for pattern in budget.match.get("provider", ())
        if not fnmatch.filter(known, pattern.lower())
    ]


def _text(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"


def _found(path: Path | None) -> Path:
    found = path or find()
    if found is None:
        raise ConfigError(
            "there is no config: none named by LLMCAP_CONFIG, no llmcap.yaml in this folder or its "
            f"checkout, no {user_folder() / FILE_NAME}\nhint: `llmcap config init` writes one"
        )
    return found
