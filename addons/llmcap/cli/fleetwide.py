"""
Where a command reads and changes: this machine's ledger, or the fleet of the config's treasury.

A config that names a treasury means the whole fleet; `--node` means one of its nodes.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llmcap.cli.options import config_option, ledger_option, policy_from
from llmcap.words.errors import ConfigError
from llmcap.words.records import Balance, Policy, Scope

if TYPE_CHECKING:
    from llmcap.treasury.hands import Hands
    from llmcap.treasury.place import Place

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

REFRESH = "llmcap.refresh"

node_option: Decorator = click.option(
    "--node", help="Under a treasury: only this node; `llmcap fleet` lists them."
)


def books_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    `--ledger`, `--config` and `--node` of a command that reads; it gets a `ledger_path`.

    A ledger that is named on the command line is read as it is.
    """

    @ledger_option
    @config_option
    @node_option
    @functools.wraps(command)
    def with_books(
        *arguments: Any, ledger_path: Path, config_path: Path | None, node: str | None, **how: Any
    ) -> Any:
        if not _ledger_is_named() or node is not None:
            refresh = functools.partial(books, ledger_path, config_path, node)
            ledger_path = refresh()
            click.get_current_context().meta[REFRESH] = refresh
        return command(*arguments, ledger_path=ledger_path, **how)

    return with_books


def _ledger_is_named() -> bool:
    """On the command line: it is read as it is, whatever the config says."""
    source = click.get_current_context().get_parameter_source("ledger_path")
    return source is ParameterSource.COMMANDLINE


def books_again() -> None:
    """Bring what a command reads up to date, where that is a fleet's."""
    refresh = click.get_current_context().meta.get(REFRESH)
    if refresh is not None:
        refresh()


def books(ledger_path: Path, config_path: Path | None, node: str | None) -> Path:
    """The ledger file to read: this machine's, or one with the entries of the fleet."""
    policy = policy_from(config_path)
    if not policy.treasury:
        _no_node(node)
        return ledger_path
    from llmcap.treasury.hands import Hands  # noqa: PLC0415 (a fleet's, and most have none)
    from llmcap.treasury.mirror import mirrored  # noqa: PLC0415

    with Hands(policy.treasury) as hands:
        _known_node(hands, node)
        return mirrored(hands, node_id=node)


def fleet_balances(policy: Policy, node: str | None) -> list[tuple[Scope, Balance]] | None:
    """
    What the fleet, or a node of it, has spent and holds; None: there is no treasury, or a ledger
    was named.
    """
    if not policy.treasury:
        _no_node(node)
        return None
    if node is None and _ledger_is_named():
        return None
    from llmcap.treasury.hands import Hands  # noqa: PLC0415 (likewise)

    with Hands(policy.treasury) as hands:
        _known_node(hands, node)
        return hands.balances(node_id=node)


def _no_node(node: str | None) -> None:
    if node is not None:
        raise ConfigError(
            "there are nodes under a treasury only\n"
            "hint: name the config that has `treasury:` with --config or LLMCAP_CONFIG"
        )


def _known_node(hands: "Hands", node: str | None) -> None:
    """All nodes are looked up, and their entries counted, only where one is named."""
    if node is None:
        return
    known = [each.id for each in hands.nodes()]
    if node not in known:
        raise ConfigError(f"there is no node {node!r}; there are: {', '.join(known) or 'none'}")


def place(ledger_path: Path, config_path: Path | None) -> "Place":
    """Where budgets are changed by hand: this machine's ledger, or the config's treasury."""
    from llmcap.treasury.place import place as of  # noqa: PLC0415 (most commands change nothing)

    policy = policy_from(config_path)
    return of(ledger_path, policy.treasury, policy.budgets)
