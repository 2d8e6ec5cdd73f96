"""The options that several commands share, so that each has one name, one variable and one help."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from llmcap.words.errors import ConfigError
from llmcap.words.paths import default_ledger
from llmcap.words.records import Policy

if TYPE_CHECKING:
    from llmcap.pricing import PriceBook

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_AGO = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class Number[N: (int, float)](click.ParamType[N]):
    """A number of something that has bounds, and says which where it was given something else."""

    def __init__(self, noun: str, bounds: click.IntRange | click.FloatRange) -> None:
        self.name = noun
        self._bounds = bounds

    def convert(
        self, value: str | N, param: click.Parameter | None, ctx: click.Context | None
    ) -> N:
        """The number."""
        try:
            return cast("N", self._bounds.convert(cast("Any", value), param, ctx))
        except click.BadParameter:
            least, most = self._bounds.min, self._bounds.max
            expected = f"of at least {least}" if most is None else f"from {least} to {most}"
            whole = "a whole number" if isinstance(self._bounds, click.IntRange) else "a number"
            self.fail(f"{value!r} is no {self.name}: expected {whole} {expected}", param, ctx)


PORT = Number[int]("port", click.IntRange(0, 65_535))
COUNT = Number[int]("count", click.IntRange(1, 2**31))
TAKEN_PORT = Number[int]("port", click.IntRange(1, 65_535))


def file_named(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    path: Path | None,
) -> Path | None:
    """The path of a file; empty text, such as of an unset variable, is a folder's for `Path`."""
    if path is not None and not path.name:
        raise click.BadParameter("it is empty: expected the path of a file")
    return path


def cap_named(ctx: click.Context, parameter: click.Parameter, cap: str | None) -> str | None:
    """The cap as typed; one that is empty on the command line, as an unset variable is, is none."""
    typed = ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    if typed and cap is not None and not cap.strip():
        raise click.BadParameter(
            "it is empty: expected a cap such as 5 or 5/day; leave it out for none"
        )
    return cap


json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; amounts are decimal strings in USD."
)

config_option: Decorator = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=file_named,
    envvar="LLMCAP_CONFIG",
    show_envvar=True,
    help="The YAML file with budgets and prices of your own.",
)

ledger_option: Decorator = click.option(
    "--ledger",
    "ledger_path",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=file_named,
    envvar="LLMCAP_LEDGER",
    show_envvar=True,
    default=default_ledger,
    show_default="in your data folder",
    help="The ledger file.",
)


cap_option: Decorator = click.option(
    "--cap",
    callback=cap_named,
    help="A budget on everything besides those of the config: 5, $5/day, 1.50/run.",
)


def rules_from(config_path: Path | None, cap: str | None) -> tuple[Policy, "PriceBook"]:
    """The policy of the config and a cap, its prices, and its hosts known: as of a proxy here."""
    from llmcap.config import book_of, with_cap  # noqa: PLC0415 - as below
    from llmcap.providers import with_hosts  # noqa: PLC0415

    policy = policy_here(config_path)
    if cap:
        policy = with_cap(policy, cap)
    with_hosts(policy.hosts)
    return policy, book_of(policy)


def policy_here(config_path: Path | None) -> Policy:
    """The policy that a proxy started here would have, of a config that it would find too."""
    from llmcap.config import files  # noqa: PLC0415 - as below

    found = config_path or files.find()
    if found is not None and config_path is None and files.is_met(found):
        return files.load_met(found)[0]
    return policy_from(found)


def policy_from(config_path: Path | None) -> Policy:
    """The policy of the config that is named, or the default one, for commands about a treasury."""
    if config_path is None:
        return Policy()
    from llmcap import config  # noqa: PLC0415 (time zones and YAML, which most commands do without)

    return config.load(config_path)


def moment(text: str, *, now: datetime) -> datetime:
    """A time as users type it: `now`, an ISO date or time, or how long ago: `90m`, `24h`, `7d`."""
    if text == "now":
        return now
    try:
        if text[:-1].isdecimal() and text[-1] in _AGO:
            return now - int(text[:-1]) * _AGO[text[-1]]
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{text!r} is no time: write it like 2026-11-21, 2026-11-21T15:00, or 24h ago as 24h"
        ) from None
