"""`llmcap import`: usage that did not pass the proxy becomes rows of the ledger."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from llmcap.cli.options import config_option, json_option, ledger_option, policy_here
from llmcap.cli.output import echo, echo_json, tell
from llmcap.imports.found import Notes
from llmcap.imports.intake import collect, span, take, usual_folders
from llmcap.ledger import open_ledger, queries
from llmcap.ledger.spans import calls_within
from llmcap.pricing import current_book
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError, ReconcileError
from llmcap.words.money import format_usd, usd_string
from llmcap.words.records import Budget, Policy


@click.command(name="import")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--count-in", "names", multiple=True, metavar="BUDGET", help="A budget to count it.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what would be new, and write nothing.")
@ledger_option
@config_option
@json_option
def import_(
    paths: Sequence[Path],
    names: Sequence[str],
    ledger_path: Path,
    config_path: Path | None,
    *,
    dry: bool,
    as_json: bool,
) -> None:
    """
    Put what other programs wrote down of their calls into the ledger.

    PATHS are folders or files: sessions of Claude Code, Codex, Gemini CLI and opencode (without
    PATHS those of your home), spend logs of LiteLLM, observations of Langfuse, requests of
    Helicone. Each call becomes a row once, at the price of its time, marked `imported`; what passed
    the proxy does not. Budgets count it only where --count-in names them. Models without a price
    are left out.
    """
    found = list(paths) or usual_folders(Path.home())
    if not found:
        raise ReconcileError(
            f"{Path.home()} has no sessions of Claude Code, Codex, Gemini CLI or opencode\n"
            "hint: name the folder or the file that has them"
        )
    for path in found:
        if not path.exists():
            raise ReconcileError(f"{path}: there is no such file or folder")
    notes = Notes()
    calls = collect(found, notes)
    policy = policy_here(config_path)
    budgets = _named(policy, names)
    with closing(open_ledger(ledger_path)) as ledger:
        with closing(queries.connect(ledger_path)) as db:
            since, until = span(calls) if calls else (None, None)
            seen = list(calls_within(db, since=since, until=until)) if calls else []
        taken = take(ledger, calls, seen, current_book(policy.prices), budgets, dry=dry)
    if as_json:
        echo_json({
            "new": taken.new, "usd": usd_string(taken.nanos), "known": taken.known,
            "passed": taken.passed, "unpriced": taken.unpriced, "notes": notes.counts,
            "written": not dry,
        })  # fmt: skip
        return
    for name, count in sorted(taken.unpriced.items()):
        left = several(count, "call is", "calls are")
        tell(f"{name} has no price: {left} left out; `llmcap prices update` may know it")
    for why, count in sorted(notes.counts.items()):
        tell(f"{why}: {count:,}")
    are = ("call would be", "calls would be") if dry else ("call is", "calls are")
    known = several(taken.known, "was", "were")
    new = several(taken.new, *are)
    echo(f"{new} new ({format_usd(taken.nanos)}), {known} known, {taken.passed:,} passed the proxy")


def _named(policy: Policy, names: Sequence[str]) -> list[Budget]:
    known = {budget.name: budget for budget in policy.budgets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"there is no budget {', '.join(unknown)}\nhint: there are {', '.join(known) or 'none'}"
        )
    return [known[name] for name in names]
