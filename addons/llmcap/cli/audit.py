"""`llmcap audit`: what recorded traffic cost, and with `--holds` what a proxy would have held."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.audit.batches import placed
from llmcap.audit.checking import Audited, Auditor
from llmcap.audit.recordings import Recording, read
from llmcap.cli.options import cap_option, config_option, json_option, moment, rules_from
from llmcap.cli.output import echo, echo_json_line, echo_table, tell
from llmcap.pricing import PriceBook
from llmcap.rehearsal import Rehearsed, Stage, Verdict, above_hold, composed
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError
from llmcap.words.money import format_usd
from llmcap.words.records import Policy
from llmcap.words.told import one_line

# A file of this size takes a second or so.
SHOWN_FROM_BYTES = 32 * 1024 * 1024

Row = tuple[Audited, Rehearsed | None]


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--at",
    "when",
    help="Price everything as of this time (`now`, or a date) instead of when it was recorded.",
)
@click.option(
    "--holds",
    is_flag=True,
    help="Add what a proxy would have held for each call, composed of what, and its verdict.",
)
@click.option(
    "--provider",
    default="",
    help="Whose the files of batches are, where they do not tell it (`together`, `groq`, ...).",
)
@cap_option
@config_option
@json_option
def audit(
    files: tuple[Path, ...],
    when: str | None,
    provider: str,
    cap: str | None,
    config_path: Path | None,
    *,
    holds: bool,
    as_json: bool,
) -> None:
    """
    Tell what the exchanges recorded in FILES cost.

    FILES are mitmproxy flow files, HAR (of any browser or tool, also in a .zip with its bodies),
    cassettes of VCR, logs of claude-trace, exports of Helicone, the output or results of a batch
    (of OpenAI's kind, Anthropic's, Gemini's; its input bills nothing), or JSON Lines with one
    exchange a line. What was not recorded is unknown, not free. Metering and prices are those of
    live traffic. With --json there is one object a line, in order.

    With --holds each exchange goes through the same walk as live traffic, one after the other,
    under the budgets of the config and --cap: `held_usd` is what was held before the call went,
    `held` what that is composed of and who bounds each part, `verdict` is admitted, clamped,
    refused or passed (holds nothing), `reason` says why. Nothing is sent, nothing is written.
    """
    if cap and not holds:
        raise ConfigError("--cap is for the budgets that --holds asks\nhint: add --holds")
    now = datetime.now(UTC)
    policy, prices = rules_from(config_path, cap)
    at = moment(when, now=now) if when else None
    auditor = Auditor(prices, now=now, at=at)
    recordings = (
        placed(recording, provider, prices, at or recording.at or now)
        for path in files
        for recording in _read(path)
    )
    rows = _rows(recordings, auditor, _stage(prices, policy, now) if holds else None)
    if as_json:
        for row, rehearsed in rows:
            echo_json_line(row.document() | (rehearsed.document() if rehearsed else {}))
        return
    _show(list(rows))


def _stage(prices: PriceBook, policy: Policy, now: datetime) -> Stage:
    return Stage(prices, policy, now=now)


def _rows(recordings: Iterable[Recording], auditor: Auditor, stage: Stage | None) -> Iterator[Row]:
    """All files as one recording: what one charged, the next does not charge again."""
    if stage is None:
        yield from ((row, None) for row in auditor.audit(recordings))
        return
    with closing(stage):
        for recording in recordings:
            row = auditor.exchange(recording)
            rehearsed = stage.recorded(recording, row.at)
            yield row, above_hold(rehearsed, row.cost_nanos, recording)


def _read(path: Path) -> Iterator[Recording]:
    """A file's exchanges; of a long one a person sees how far it is."""
    size = path.stat().st_size
    if size < SHOWN_FROM_BYTES or not sys.stderr.isatty():
        yield from read(path)
        return
    with click.progressbar(length=size, label=one_line(path.name), file=sys.stderr) as bar:
        yield from read(path, passed=lambda at: bar.update(at - bar.pos))


# --- for people -----------------------------------------------------------------------------


def _show(rows: list[Row]) -> None:
    calls = [(row, each) for row, each in rows if row.billable or row.cost_nanos != 0]
    if any(each for _, each in rows):
        _show_holds([(row, each) for row, each in rows if each and _matters(row, each)])
    else:
        echo_table(
            ("ID", "PROVIDER", "ENDPOINT", "MODEL", "INPUT", "OUTPUT", "COST", "NOTE"),
            [_line(row) for row, _ in calls],
            right="llllrrrl",
        )
    echo("")
    totals: dict[tuple[str, str], list[Audited]] = {}
    for row, _ in calls:
        totals.setdefault((row.provider or "", row.model or ""), []).append(row)
    echo_table(
        ("PROVIDER", "MODEL", "CALLS", "COST"),
        [
            *((*key, str(len(group)), _sum(group)) for key, group in sorted(totals.items())),
            ("all", "", str(len(calls)), _sum([row for row, _ in calls])),
        ],
        right="llrr",
    )
    others = len(rows) - len(calls)
    if others:
        tell(f"{several(others, 'exchange')} cost nothing: free, refused, or no LLM call")
    unknown = sum(1 for row, _ in calls if row.cost_nanos is None)
    if unknown:
        told = several(unknown, "call")
        tell(f"of {told} nobody knows the cost, which is in no sum; NOTE says why")


def _matters(row: Audited, rehearsed: Rehearsed) -> bool:
    """Whether a person wants to see it: not what is free and passes."""
    passes = rehearsed.verdict is Verdict.PASSED
    return not passes or row.billable or row.cost_nanos != 0


def _show_holds(rows: list[tuple[Audited, Rehearsed]]) -> None:
    echo_table(
        ("ID", "PROVIDER", "ENDPOINT", "MODEL", "HELD", "COST", "VERDICT", "WHY"),
        [_held_line(row, rehearsed) for row, rehearsed in rows],
        right="llllrrll",
    )
    echo("")
    verdicts = Counter((str(each.verdict), each.reason) for _, each in rows)
    echo_table(
        ("VERDICT", "REASON", "EXCHANGES"),
        [(*key, str(count)) for key, count in sorted(verdicts.items())],
        right="llr",
    )
    told = sorted({text for _, each in rows for text in each.told})
    for text in told:
        tell(text)


def _held_line(row: Audited, rehearsed: Rehearsed) -> tuple[str, ...]:
    held = rehearsed.held_nanos
    why = "; ".join(filter(None, (rehearsed.reason, composed(rehearsed.parts))))
    return (
        row.id,
        row.provider or "",
        row.endpoint or "",
        row.model or "",
        "" if held is None else format_usd(held),
        "?" if row.cost_nanos is None else format_usd(row.cost_nanos),
        str(rehearsed.verdict),
        why,
    )


def _line(row: Audited) -> tuple[str, ...]:
    usage = row.usage
    return (
        row.id,
        row.provider or "",
        row.endpoint or "",
        row.model or "",
        f"{usage.input_tokens:,}" if usage else "",
        f"{usage.output_tokens:,}" if usage else "",
        "?" if row.cost_nanos is None else format_usd(row.cost_nanos),
        row.note,
    )


def _sum(rows: list[Audited]) -> str:
    """What is known of their cost; a question mark where nothing is."""
    known = [row.cost_nanos for row in rows if row.cost_nanos is not None]
    return format_usd(sum(known)) if known or not rows else "?"
