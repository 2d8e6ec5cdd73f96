"""`llmcap prices update` and `reset`: newer prices than those of the release, and back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from llmcap.cli.options import json_option
from llmcap.cli.output import echo, echo_json, on_terminal, tell
from llmcap.pricing.taken import alone, read_taken, taken_path, write_taken
from llmcap.words.counts import several

if TYPE_CHECKING:
    from llmcap.tariffs.update import Proposal

_SHOWN_MAX = 40


@click.command()
@click.option(
    "--from",
    "names",
    multiple=True,
    metavar="SOURCE",
    help="genai-prices, litellm, models.dev, pip, a URL or a file; several times for several."
    " Without it the two that the book is made from.",
)
@click.option("--yes", is_flag=True, help="Take what may be taken without asking.")
@click.option("--accept-cuts", is_flag=True, help="Take what makes calls cheaper, too.")
@click.option(
    "--accept",
    "named",
    multiple=True,
    metavar="PROVIDER/MODEL",
    help="Take this change although it would wait for you; '*' for all of them.",
)
@click.option("--show-all", is_flag=True, help="Show every change, however many there are.")
@json_option
def update(
    names: Sequence[str],
    named: Sequence[str],
    *,
    yes: bool,
    accept_cuts: bool,
    show_all: bool,
    as_json: bool,
) -> None:
    """
    Show what newer price data would change, and take it.

    What was spent keeps its price: a change begins now, or on the day to come that its source
    names. Nothing gets cheaper without --accept-cuts. What changes by more than four times, or is
    dated into the past, waits until it is named with --accept. Running proxies adopt what is taken
    within a second; `llmcap prices reset` takes it back.
    """
    # The merge is much to import, for a command that most runs of `prices` do not want.
    from llmcap.tariffs import gather  # noqa: PLC0415
    from llmcap.tariffs import update as newer  # noqa: PLC0415
    from llmcap.tariffs.changes import Fate, Wishes  # noqa: PLC0415

    path = taken_path()
    taken = read_taken(path)
    gathered = gather.gather(names or gather.DEFAULT, datetime.now(UTC).date().isoformat())
    wishes = Wishes(cuts=accept_cuts, named=frozenset(named))
    proposal = newer.propose(gathered, taken, wishes, datetime.now(UTC))
    made = newer.adopt(proposal, taken)

    def write() -> "Proposal | None":
        """
        The proposal that was written: the one shown, or the same laid over what somebody else has
        taken since. None where nothing is left of it then.
        """
        with alone(path):
            latest = read_taken(path)
            last = proposal
            if latest != taken:
                last = newer.propose(gathered, latest, wishes, datetime.now(UTC))
            made = newer.adopt(last, latest)
            if made is None:
                return None
            write_taken(path, made)
            return last

    if as_json:
        written = write() if made is not None and yes else None
        echo_json(_document(written or proposal, written=written is not None))
        return
    most = len(proposal.changes) if show_all else _SHOWN_MAX
    titles = {
        Fate.TAKEN: "Changes",
        Fate.PARTLY: "Dearer in part; what is cheaper waits for --accept-cuts",
        Fate.CUT: "Cheaper: waits for --accept-cuts",
        Fate.WAITS: "Waits for --accept PROVIDER/MODEL",
        Fate.REFUSED: "Refused",
    }
    for fate, title in titles.items():
        _show(title, [newer.told(each) for each in proposal.of(fate)], most)
    if proposal.gone:
        kept = several(
            len(proposal.gone),
            "model left the sources and keeps its price",
            "models left the sources and keep their prices",
        )
        tell(kept)
    sources = ", ".join(f"{name} ({version})" for name, version in proposal.sources.items())
    if made is None:
        echo(f"Nothing is taken: the prices in force are those of {sources}, or wait for a word.")
        return
    if not yes and not (on_terminal() and click.confirm("Take them?")):
        tell("Nothing was taken: --yes takes it")
        return
    written = write()
    if written is None:
        echo("Nothing is left to take: another update has taken it meanwhile.")
        return
    count = len([each for each in written.changes if newer.is_taken(each)])
    echo(
        f"Taken: {several(count, 'change')} from {sources}. `llmcap prices reset` takes them back."
    )


def _show(title: str, lines: Sequence[str], most: int) -> None:
    if not lines:
        return
    echo(f"{title}:")
    for line in lines[:most]:
        echo(f"  {line}")
    if len(lines) > most:
        echo(f"  ... and {len(lines) - most} more (--show-all)")


def _document(proposal: Any, *, written: bool) -> dict[str, Any]:
    return {
        "at": proposal.at,
        "taken": written,
        "sources": dict(proposal.sources),
        "gone": list(proposal.gone),
        "changes": [
            {
                "provider": each.provider,
                "model": each.model,
                "fate": str(each.fate),
                "new": each.new,
                "why": each.why,
                "steps": [
                    {
                        "since": step.since,
                        "name": step.name,
                        "before_usd": f"{step.before:f}",
                        "after_usd": f"{step.after:f}",
                    }
                    for step in each.steps
                ],
            }
            for each in proposal.changes
        ],
    }


@click.command()
@click.argument("models", nargs=-1, metavar="[PROVIDER/MODEL]...")
def reset(models: Sequence[str]) -> None:
    """
    Go back to the prices of the release, for all models or for those named.

    What was spent in between keeps what it cost.
    """
    path = taken_path()
    if not models:
        was = path.is_file()
        with alone(path):
            path.unlink(missing_ok=True)
        echo("The prices are those of the release." if was else "They were those of the release.")
        return
    with alone(path):
        taken = read_taken(path)
        unknown = [each for each in models if taken is None or each not in taken.names()]
        if unknown or taken is None:
            raise click.UsageError(f"{', '.join(unknown)}: nothing newer was taken")
        write_taken(path, taken.without(frozenset(models)))
    echo(f"The prices of {', '.join(models)} are those of the release.")
