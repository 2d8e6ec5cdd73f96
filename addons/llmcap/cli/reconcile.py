"""`llmcap reconcile`: what a provider says that it billed, beside the ledger."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from llmcap.cli.options import config_option, json_option, ledger_option, moment, policy_here
from llmcap.cli.output import echo, echo_json, echo_table, tell
from llmcap.ledger import history, open_ledger
from llmcap.pricing import PriceBook, current_book
from llmcap.reconcile import admin
from llmcap.reconcile.compare import Cause, Difference, Theirs, Verdict, compare
from llmcap.reconcile.correct import correct
from llmcap.reconcile.exports import export
from llmcap.reconcile.kept import Kept, keep
from llmcap.reconcile.line import KINDS, Line, Sums
from llmcap.reconcile.ours import Ours, ours
from llmcap.reconcile.skus import Models
from llmcap.words.counts import several
from llmcap.words.errors import ReconcileError
from llmcap.words.money import format_usd, usd_string

_DAYS = 30

# What one bill has that is several providers here.
_SAME_BILL = {"google": ("google-vertex",), "azure-openai": ("azure-ai",)}


@click.command()
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--api", metavar="PROVIDER", help="Ask openai, anthropic, openrouter or xai itself.")
@click.option("--key", metavar="env:NAME", help="The variable that holds the admin key.")
@click.option("--url", default="", help="Where that API is, if not at the provider's own host.")
@click.option(
    "--provider", "providers", multiple=True, help="Whose calls of the ledger to compare with."
)
@click.option("--since", help="With --api: from this day on. [default: 30 days ago]")
@click.option("--correct", "correcting", is_flag=True, help="Correct what was only assumed.")
@click.option(
    "--keep", "keeping", is_flag=True,
    help="With --api: keep the verdict beside the ledger, for the page and the metrics.",
)  # fmt: skip
@ledger_option
@config_option
@json_option
@click.pass_context
def reconcile(ctx: click.Context, /, files: Sequence[Path], **options: Any) -> None:
    """
    Lay what a provider billed beside the ledger: by day, model and kind of token.

    FILES are exports: usage and costs of OpenAI or Anthropic (pages of their admin APIs as JSON, or
    CSV), OpenRouter's activity, xAI's usage, FOCUS, AWS's Cost and Usage Report, Google's billing
    export, Azure's cost details. Those of clouds are read as CSV, JSON and Parquet (which needs the
    extra `llmcap-mitmproxy[parquet]`), all packed by gzip or zip too. The exit code is 0 where all
    of it agrees, and 1 where not. Days that are not over, and days that the ledger knows nothing
    of, do not count.
    """
    now = datetime.now(UTC)
    asked, key, since = options["api"], options["key"], options["since"]
    began = moment(since, now=now) if since else now - timedelta(days=_DAYS)
    _check_asked(files, asked, key)
    book = current_book(policy_here(options["config_path"]).prices)
    read = Read()
    if asked:
        start = began.replace(hour=0, minute=0, second=0, microsecond=0)
        read.add(admin.lines(asked, admin.key_from(key), start, now, base=options["url"]))
        read.providers.add(asked)
    for path in files:
        with export(path) as opened:
            if not read.add(opened.lines):
                raise ReconcileError(f"{path}: {opened.what} without a line about models")
            read.providers.add(opened.provider)
    wanted = options["providers"] or [
        name for each in sorted(read.providers - {""}) for name in (each, *_SAME_BILL.get(each, ()))
    ]
    with history.reading(options["ledger_path"]) as db:
        counted = ours(db, wanted, *(_span(read) or (began, now)))
    named = _namer(book, counted, wanted)
    theirs = Theirs()
    for (day, model, bucket), (sums, count) in read.sums.items():
        theirs.add(Line(day, model, sums, bucket), named, count)
    counted = _renamed(counted, named)
    whose = options["providers"] or sorted(read.providers - {""})
    only = whose[0] if len(whose) == 1 else ""
    verdict = compare(theirs, counted, book, only, now.date().isoformat())
    corrected = 0
    if options["correcting"]:
        with closing(open_ledger(options["ledger_path"])) as ledger:
            corrected = correct(ledger, verdict.differences, counted)
    if options["keeping"] and asked:
        keep(options["ledger_path"], asked, _kept(verdict, now, began))
    if options["as_json"]:
        echo_json(_document(verdict, corrected, read.beside))
    else:
        _show(verdict, corrected, read.beside)
    if not verdict.matches:
        ctx.exit(1)


def _check_asked(files: Sequence[Path], provider: str | None, key: str | None) -> None:
    if bool(files) == bool(provider):
        raise click.UsageError("name export files, or a provider with --api")
    if provider:
        admin.api_of(provider)
    if provider and not key:
        raise click.UsageError("--api needs --key env:NAME: an admin key, by its variable")


class Read:
    """The lines of all exports, summed as they come: however long a file, this stays small."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str, str], tuple[Sums, int]] = {}
        self.beside: Counter[str] = Counter()  # nano-dollars of what is no usage
        self.providers: set[str] = set()

    def add(self, lines: Iterable[Line]) -> int:
        """Take lines; how many they were."""
        number = 0
        for number, line in enumerate(lines, 1):  # noqa: B007 (the last number is the count)
            if line.beside:
                self.beside[line.beside] += line.sums.nanos
                continue
            key = (line.day, line.model, line.bucket)
            sums, count = self.sums.get(key) or (Sums(), 0)
            sums.add(line.sums)
            self.sums[key] = (sums, count + 1)
        return number


def _span(read: Read) -> tuple[datetime, datetime] | None:
    days = {day for day, _, _ in read.sums}
    if not days:
        return None
    first, last = (
        datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in (min(days), max(days))
    )
    return first, last + timedelta(days=1)


def _namer(book: PriceBook, counted: Ours, providers: Sequence[str]) -> Callable[[str], str]:
    """One name for a model, whoever spells it: the book's, the ledger's, or as it is."""
    models = Models({model for _, model in counted.by_key})
    names: dict[str, str] = {}
    now = datetime.now(UTC)

    def named(spelled: str) -> str:
        if spelled not in names:
            tried = (book.find(each, spelled, now) for each in providers)
            price = next((each for each in tried if each is not None and each.model != "*"), None)
            names[spelled] = price.model if price else ""
            if not names[spelled]:
                found = models.find(spelled)
                names[spelled] = found if found == spelled else named(found)
        return names[spelled]

    return named


def _renamed(counted: Ours, named: Callable[[str], str]) -> Ours:
    """The ledger's side under the same names."""
    made = Ours(first_day=counted.first_day, last_day=counted.last_day)
    for (day, model), each in counted.by_key.items():
        key = (day, named(model))
        if key not in made.by_key:
            made.by_key[key] = each
            continue
        kept = made.by_key[key]
        kept.settled.add(each.settled)
        kept.assumed.add(each.assumed)
        kept.assumed_calls += each.assumed_calls
    return made


def _kept(verdict: Verdict, now: datetime, began: datetime) -> Kept:
    theirs = verdict.theirs
    return Kept(
        at=now.isoformat(timespec="seconds"),
        since=began.date().isoformat(),
        tokens=sum(theirs.tokens) if theirs.counted else theirs.nanos,
        captured=verdict.captured if theirs.counted else verdict.captured_nanos,
        agrees=verdict.matches,
        verdict=sentence(verdict),
    )


def _show(verdict: Verdict, corrected: int, beside: Mapping[str, int]) -> None:
    if verdict.differences:
        echo_table(
            ("DAY", "MODEL", "CAUSE", "TOKENS", "USD", ""),
            list(_rows(verdict.differences)),
            right="lllrrl",
        )
    if corrected:
        tell(several(corrected, "assumed call was", "assumed calls were") + " corrected")
    if beside:
        told = ", ".join(f"{name} {_signed(nanos)}" for name, nanos in sorted(beside.items()))
        tell(f"beside the usage, of no call: {told}")
    echo(sentence(verdict))


def _signed(nanos: int) -> str:
    return f"{'-' if nanos < 0 else '+' if nanos else ''}{format_usd(abs(nanos))}"


def _rows(differences: Sequence[Difference]) -> Iterator[tuple[str, ...]]:
    for each in differences:
        tokens = ", ".join(
            f"{count:+,} {kind}" for kind, count in zip(KINDS, each.tokens, strict=True) if count
        )
        money = _signed(each.nanos) if each.theirs.priced else ""
        yield each.day, each.model, str(each.cause), tokens, money, each.told


def sentence(verdict: Verdict) -> str:
    """The verdict in one line."""
    theirs, mine = verdict.theirs, verdict.ours
    parts = []
    if theirs.counted:
        whole = sum(theirs.tokens)
        parts.append(f"captured {_percent(verdict.captured, whole) if whole else '100.00'} %")
    if theirs.priced:
        off = mine.nanos - theirs.nanos
        signed = _percent(abs(off), abs(theirs.nanos)) if theirs.nanos else "0.00"
        parts.append(f"dollars {'-' if off < 0 else '+'}{signed} %")
    counts = dict.fromkeys(Cause, 0)
    for each in verdict.differences:
        counts[each.cause] += 1
    causes = [f"{count} {cause}" for cause, count in counts.items() if count]
    told = f" ({', '.join(causes)})" if causes else ""
    return f"{'Agrees' if verdict.matches else 'Differs'}: {', '.join(parts)}{told}"


def _percent(part: int, whole: int) -> str:
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _document(verdict: Verdict, corrected: int, beside: Mapping[str, int]) -> dict[str, Any]:
    return {
        "agrees": verdict.matches,
        "verdict": sentence(verdict),
        "days": verdict.days,
        "tokens_theirs": sum(verdict.theirs.tokens),
        "tokens_ours": sum(verdict.ours.tokens),
        "tokens_captured": verdict.captured,
        "usd_theirs": usd_string(verdict.theirs.nanos) if verdict.theirs.priced else None,
        "usd_ours": usd_string(verdict.ours.nanos),
        "corrected": corrected,
        "beside_usd": {name: usd_string(nanos) for name, nanos in sorted(beside.items())},
        "differences": [
            {
                "day": each.day,
                "model": each.model,
                "cause": str(each.cause),
                "told": each.told,
                "tokens": dict(zip(KINDS, each.tokens, strict=True)),
                "usd": usd_string(each.nanos) if each.theirs.priced else None,
            }
            for each in verdict.differences
        ],
    }
