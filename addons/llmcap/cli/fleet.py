"""`llmcap fleet`: the nodes under a treasury, and retiring those that do not come back."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click

from llmcap.cli.options import config_option, file_named, json_option, policy_from
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.treasury.hands import Hands, state_of
from llmcap.treasury.lost import account_of_lost
from llmcap.treasury.protocol import NodeRow, Terms
from llmcap.words.errors import ConfigError
from llmcap.words.money import in_unit, usd_string
from llmcap.words.records import CapUnit


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def fleet(ctx: click.Context, config_path: Path | None, *, as_json: bool) -> None:
    """
    List the nodes: what each holds and has spent, and when it was last heard of.

    What a node holds is allotted to it and not told as spent. It keeps that however long it is
    silent; `llmcap fleet retire` takes it from one that does not come back.
    """
    if ctx.invoked_subcommand is not None:
        return
    with _hands(config_path) as hands:
        now, terms, nodes = hands.now(), hands.terms(), hands.nodes()
        kept = hands.entries_kept()
    if as_json:
        echo_json([_document(node, terms, kept.get(node.id, 0), now=now) for node in nodes])
        return
    if not nodes:
        tell("no node has joined yet")
        return
    echo_table(
        ("NODE", "MACHINE", "STATE", "HEARD", "HOLDS", "HAS SPENT", "ENTRIES"),
        [
            (
                node.id,
                node.name,
                state_of(node, now=now),
                _ago(node.heard_at, now=now),
                _amounts(node.held, terms),
                _amounts(node.spent, terms),
                f"{kept.get(node.id, 0):,}",
            )
            for node in nodes
        ],
        right="lllrllr",
    )


@fleet.command()
@click.argument("node")
@click.option(
    "--ledger", "ledger_path", type=click.Path(dir_okay=False, path_type=Path),
    callback=file_named, help="The ledger file of that node, where it was saved.",
)  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@config_option
@json_option
def retire(
    node: str, ledger_path: Path | None, config_path: Path | None, *, yes: bool, as_json: bool
) -> None:
    """
    Say that NODE does not come back: all that it does not account for counts as spent.

    With its ledger file the truth is known: what it has not spent is free again. A proxy that still
    runs as this node is stopped.
    """
    with _hands(config_path) as hands:
        found = next((each for each in hands.nodes() if each.id == node), None)
        if found is not None and not yes and state_of(found, now=hands.now()) == "active":
            question = f"{node} ({found.name}) was heard of just now. Retire it all the same?"
            click.confirm(question, abort=True, err=True)
        terms = hands.terms()
        lost = None
        if ledger_path is not None:
            lost = account_of_lost(ledger_path, node, terms, told=hands.last_entry(node))
        done = hands.retire(node, lost=lost)
    if as_json:
        echo_json({
            "node": node,
            "assumed": _exact(done.assumed, terms),
            "freed": _exact(done.freed, terms),
        })  # fmt: skip
        return
    tell(f"{node} is retired")
    if any(done.assumed.values()):
        tell(f"taken for spent, as nobody knows: {_amounts(done.assumed, terms)}")
    if any(done.freed.values()):
        tell(f"free again: {_amounts(done.freed, terms)}")


def _hands(config_path: Path | None) -> Hands:
    policy = policy_from(config_path)
    if not policy.treasury:
        raise ConfigError(
            "there is no fleet without a treasury\n"
            "hint: name the config that has `treasury:` with --config or LLMCAP_CONFIG"
        )
    return Hands(policy.treasury)


def _ago(at: datetime, *, now: datetime) -> str:
    seconds = max(int((now - at).total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _units(terms: Terms) -> dict[str, CapUnit]:
    return {term.budget.name: term.budget.unit for term in terms.by_key.values()}


def _amounts(amounts: Mapping[str, int], terms: Terms) -> str:
    """By budget, for people: only those of which there is something."""
    units = _units(terms)
    return ", ".join(
        f"{name} {in_unit(amount, _unit(units, name))}"
        for name, amount in sorted(amounts.items())
        if amount
    )


def _exact(amounts: Mapping[str, int], terms: Terms) -> dict[str, str | int]:
    """By budget, for programs."""
    units = _units(terms)
    return {
        name: usd_string(amount) if _unit(units, name) is CapUnit.USD else amount
        for name, amount in sorted(amounts.items())
    }


def _unit(units: Mapping[str, CapUnit], name: str) -> CapUnit:
    """A budget that is out of the config has no unit here: its amount is shown as dollars."""
    return units.get(name, CapUnit.USD)


def _document(node: NodeRow, terms: Terms, entries: int, *, now: datetime) -> dict[str, object]:
    return {
        "node": node.id,
        "machine": node.name,
        "state": state_of(node, now=now),
        "heard_at": node.heard_at.isoformat(),
        "epoch": node.epoch,
        "holds": _exact(node.held, terms),
        "spent": _exact(node.spent, terms),
        "entries": entries,
    }
