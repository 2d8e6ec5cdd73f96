"""`llmcap audit`: what recorded traffic cost, and with `--holds` what a proxy would have held."""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from llmcap.audit.audited import Audited
from llmcap.audit.batches import placed
from llmcap.audit.checking import Auditor
from llmcap.audit.crew import Work, audited, cores
from llmcap.audit.memory import Memory
from llmcap.audit.pieces import shared_bytes
from llmcap.audit.recordings import Recording, read
from llmcap.cli.options import Number, cap_option, config_option, json_option, moment, rules_from
from llmcap.cli.output import (
    echo,
    echo_json_line,
    echo_json_lines,
    echo_table,
    json_line,
    tell,
)
from llmcap.rehearsal import Rehearsed, Stage, Verdict, above_hold, composed
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError
from llmcap.words.money import format_usd
from llmcap.words.told import one_line

# A file of this size takes a second or so.
SHOWN_FROM_BYTES = 32 * 1024 * 1024

JOB_BYTES_MIN = 8 * 1024 * 1024  # as much as makes it worth while to start one more process
JOBS_MAX = 256

_COLLECTED_AFTER = 10_000  # objects: of some ten exchanges


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
@click.option(
    "--jobs",
    "-j",
    type=Number("number of processes", click.IntRange(1, JOBS_MAX)),
    help="Processes that read at the same time. [default: the cores, for long files]",
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
    jobs: int | None,
    holds: bool,
    as_json: bool,
) -> None:
    """
    Tell what the exchanges recorded in FILES cost.

    FILES are mitmproxy flow files, HAR (of any browser or tool, also in a .zip with its bodies),
    sessions of Charles (.chlsj) and Fiddler (.saz), examples of Postman, cassettes of VCR, fixtures
    of nock, logs of claude-trace, claude-tap and llm-interceptor, exports of Helicone, the output
    or results of a batch (of OpenAI's kind, Anthropic's, Gemini's, Vertex's, Bedrock's, xAI's; its
    input bills nothing), or JSON Lines with one exchange a line; each may be packed by gzip. What
    was not recorded is unknown, not free. Metering and prices are those of live traffic. With
    --json there is one object a line, in order. How many processes read makes no difference to what
    is told; with --holds it is one.

    With --holds each exchange goes through the same walk as live traffic, one after the other,
    under the budgets of the config and --cap: `held_usd` is what was held before the call went,
    `held` what that is composed of and who bounds each part, `verdict` is admitted, clamped,
    refused or passed (holds nothing), `reason` says why. Nothing is sent, nothing is written.
    """
    if cap and not holds:
        raise ConfigError("--cap is for the budgets that --holds asks\nhint: add --holds")
    if holds and jobs and jobs > 1:
        raise ConfigError(
            "--jobs is for what each exchange did cost: with --holds one call goes after the other"
        )
    now = datetime.now(UTC)
    policy, prices = rules_from(config_path, cap)
    at = moment(when, now=now) if when else None
    auditor = partial(Auditor, prices, now=now, at=at)

    def at_vendor(recording: Recording) -> Recording:
        return placed(recording, provider, prices, at or recording.at or now)

    if holds:
        stage = Stage(prices, policy, now=now)
        rows = _rehearsed(map(at_vendor, _recordings(files)), auditor(), stage)
        if as_json:
            for row, rehearsed in rows:
                echo_json_line(row.document() | rehearsed.document())
        else:
            _show_rehearsed(list(rows))
        return
    jobs = jobs or _jobs_for(files)
    if not as_json:
        _show(_audited(files, Work(auditor, at_vendor, _as_line), jobs))
        return
    found = _audited(files, Work(auditor, at_vendor, _as_json), jobs)
    echo_json_lines(f'{{"id": {json_line(name)}, {rest}' for name, rest in found)


def _as_json(row: Audited) -> str:
    """The object of a row, behind its id."""
    document = row.document()
    del document["id"]
    return json_line(document).removeprefix("{")


def _audited[Shown](
    files: Sequence[Path], work: Work[Shown], jobs: int
) -> Iterator[tuple[str, Shown]]:
    """
    The name of each exchange and what is shown of it.

    All files are one recording: what one charged, the next does not charge again.
    """
    with _rarely_collected():
        if jobs == 1:
            yield from work.rows(_recordings(files), Memory())
            return
        with _progress(files) as passed:
            yield from audited(files, work, jobs=jobs, passed=passed)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """
    While exchanges are read, in this process and those that it forks.

    Nearly nothing that is made of one goes in a circle, and to look for such after each exchange
    or two takes a fifteenth of an audit.
    """
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTED_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _jobs_for(files: Sequence[Path]) -> int:
    """As many processes as there are cores, where there is work for them."""
    size = sum(shared_bytes(path, JOB_BYTES_MIN) for path in files)
    return min(cores(), max(size // JOB_BYTES_MIN, 1))


def _rehearsed(
    recordings: Iterable[Recording], auditor: Auditor, stage: Stage
) -> Iterator[tuple[Audited, Rehearsed]]:
    with closing(stage):
        for recording in recordings:
            row = auditor.exchange(recording)
            rehearsed = stage.recorded(recording, row.at)
            yield row, above_hold(rehearsed, row.cost_nanos, recording)


def _recordings(files: Sequence[Path]) -> Iterator[Recording]:
    before = 0
    with _progress(files) as passed:
        for path in files:
            yield from read(path, passed=partial(_tell_sum, passed, before))
            before += path.stat().st_size


def _tell_sum(passed: Callable[[int], object], before: int, at: int) -> None:
    passed(before + at)


@contextmanager
def _progress(files: Sequence[Path]) -> Iterator[Callable[[int], object]]:
    """What is told how many bytes of all files were read; a person sees it of long ones."""
    size = sum(path.stat().st_size for path in files)
    if size < SHOWN_FROM_BYTES or not sys.stderr.isatty():
        yield lambda _: None
        return
    label = one_line(files[0].name) if len(files) == 1 else several(len(files), "file")
    with click.progressbar(length=size, label=label, file=sys.stderr) as bar:
        yield lambda at: bar.update(at - bar.pos)


# --- for people -----------------------------------------------------------------------------


class Line(NamedTuple):
    """A row of the table behind its id, and what the sums need of it."""

    cells: tuple[str, ...]
    cost_nanos: int | None
    matters: bool


@dataclass(slots=True)
class Sums:
    """What a table's lines come to."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    known: Counter[tuple[str, str]] = field(default_factory=Counter)
    nanos: Counter[tuple[str, str]] = field(default_factory=Counter)
    others: int = 0

    def counted(self, lines: Iterable[tuple[str, Line]]) -> Iterator[tuple[str, ...]]:
        """The cells of those that people want to see."""
        for name, line in lines:
            if not line.matters:
                self.others += 1
                continue
            yield name, *line.cells
            provider, _, model, *_ = line.cells
            self.calls[provider, model] += 1
            if line.cost_nanos is not None:
                self.known[provider, model] += 1
                self.nanos[provider, model] += line.cost_nanos

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Of each model, and of all."""
        for key, count in sorted(self.calls.items()):
            yield *key, str(count), _cost(self.nanos[key] if self.known[key] else None)
        total, known = self.calls.total(), self.known.total()
        yield "all", "", str(total), _cost(self.nanos.total() if known or not total else None)


def _show(lines: Iterable[tuple[str, Line]]) -> None:
    sums = Sums()
    echo_table(
        ("ID", "PROVIDER", "ENDPOINT", "MODEL", "INPUT", "OUTPUT", "COST", "NOTE"),
        sums.counted(lines),
        right="llllrrrl",
    )
    _show_sums(sums)


def _show_rehearsed(rows: list[tuple[Audited, Rehearsed]]) -> None:
    _show_holds([(row, each) for row, each in rows if _matters(row, each)])
    sums = Sums()
    for _ in sums.counted((row.id, _as_line(row)) for row, _ in rows):
        pass
    _show_sums(sums)


def _show_sums(sums: Sums) -> None:
    echo("")
    echo_table(("PROVIDER", "MODEL", "CALLS", "COST"), sums.rows(), right="llrr")
    if sums.others:
        several_others = several(sums.others, "exchange")
        tell(f"{several_others} cost nothing: free, refused, or no LLM call")
    if unknown := sums.calls.total() - sums.known.total():
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
        _cost(row.cost_nanos),
        str(rehearsed.verdict),
        why,
    )


def _as_line(row: Audited) -> Line:
    usage = row.usage
    cells = (
        row.provider or "",
        row.endpoint or "",
        row.model or "",
        f"{usage.input_tokens:,}" if usage else "",
        f"{usage.output_tokens:,}" if usage else "",
        _cost(row.cost_nanos),
        row.note,
    )
    return Line(cells, row.cost_nanos, row.billable or row.cost_nanos != 0)


def _cost(nanos: int | None) -> str:
    """What is known of it; a question mark where nothing is."""
    return "?" if nanos is None else format_usd(nanos)
