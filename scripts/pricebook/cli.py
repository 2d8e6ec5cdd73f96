"""The command `scripts/update_prices`."""

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from llmcap.pricing import PriceBook, alike
from llmcap.pricing.files import COMPILED, parse_yaml, read_document
from llmcap.tariffs import build, carry, history

from . import compare, emit, installed


def main(folder: Path, argv: Sequence[str] | None = None) -> int:
    """Run the command over the book in `folder`; the exit status."""
    parser = argparse.ArgumentParser(prog="update_prices", description=__doc__)
    parser.add_argument("providers", nargs="*")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    parser.add_argument(
        "--fresh", action="store_true", help="forget prices that only our own files remember"
    )
    parser.add_argument(
        "--compare-litellm", action="store_true", help="change nothing, print where the two differ"
    )
    arguments = parser.parse_args(argv)
    sources = installed.sources(folder)
    if arguments.compare_litellm:
        for line in compare.lines(PriceBook(folder), sources, datetime.now(UTC)):
            print(line)
        return 0
    known = sources.providers()
    unknown = [name for name in arguments.providers if name not in known]
    if unknown:
        parser.error(f"no such provider: {', '.join(unknown)}; there are {', '.join(known)}")
    stale = 0
    for name in arguments.providers or known:
        stale += _provider(name, known[name], sources, folder, arguments)
    if not arguments.check:
        for line in lacking(folder, build.this_day()):
            print(line)
    stale += _write(folder / COMPILED / "units.json", _units(folder), check=arguments.check)
    stale += _write(folder / COMPILED / alike.FILE, _alike(folder), check=arguments.check)
    if arguments.check and stale:
        print("the price book is not what its sources make\nhint: run scripts/update_prices")
    return 1 if arguments.check and stale else 0


def _provider(
    name: str,
    rules: build.Document,
    sources: build.Sources,
    folder: Path,
    arguments: argparse.Namespace,
) -> int:
    path = folder / f"{name}.yaml"
    before = path.read_text() if path.is_file() else ""
    stands = parse_yaml(before, path.name) if before else {}
    old = {} if arguments.fresh else stands
    today = build.this_day()
    checked = str(old.get("checked", today))
    made = build.document(name, rules, sources, checked, old=stands, today=today)
    if old:
        history.keep(old, made, today=today)
    text = emit.to_yaml(made)
    if text != before and old:
        made["checked"] = today
        text = emit.to_yaml(made)
    stale = _write(path, text, check=arguments.check)
    compiled = folder / COMPILED / f"{name}.json"
    return stale + _write(
        compiled, emit.to_json(text, path.name), check=arguments.check, show=False
    )


def lacking(folder: Path, today: str) -> Iterator[str]:
    """What deserves a look: what was carried over, what is gone, which seller does not follow."""
    book: dict[str, build.Document] = {
        path.stem: read_document(folder, path.stem)["models"]
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "units.yaml"
    }
    for provider, models in book.items():
        for model, fields in models.items():
            for entry in fields["prices"]:
                if names := entry.get("carried"):
                    yield f"carried: {provider}/{model} from {entry['since']}: {', '.join(names)}"
            for since, gone in carry.forgotten(fields["prices"]):
                yield f"in force without: {provider}/{model} since {since}: {', '.join(gone)}"
    for model, day, sibling in carry.siblings(book, today):
        yield f"unchanged seller: {sibling} when {model} changes on {day}"


def _units(folder: Path) -> str:
    return emit.to_json((folder / "units.yaml").read_text(), "units.yaml")


def _alike(folder: Path) -> str:
    """What is known of a model at any of its sellers, for those that list no limits of it."""
    names = [path.stem for path in folder.glob("*.yaml") if path.name != "units.yaml"]
    return alike.to_json(alike.listed({name: read_document(folder, name) for name in names}))


def _write(path: Path, text: str, *, check: bool, show: bool = True) -> int:
    """Write where it differs, and print how; 1 where it differed."""
    before = path.read_text() if path.is_file() else ""
    if before == text:
        return 0
    if show:
        lines = difflib.unified_diff(
            before.splitlines(),
            text.splitlines(),
            f"a/{path.name}",
            f"b/{path.name}",
            "",
            "",
            1,
            "",
        )
        shown = list(lines)
        print("\n".join(shown[:400]))
        if len(shown) > 400:
            print(f"... {len(shown) - 400} more lines", file=sys.stderr)
    if not check:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 1
