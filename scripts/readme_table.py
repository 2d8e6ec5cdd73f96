"""A table of the README whose rows come from what was seen: each is written by itself."""

from collections.abc import Iterable
from dataclasses import dataclass

from fake_provider.process import ROOT

README = ROOT / "README.md"


@dataclass(frozen=True, slots=True)
class Table:
    """Between two comments of the document with this name; `head` is its first two lines."""

    name: str
    head: str

    def write(self, name: str, line: str, order: Iterable[str]) -> None:
        """Put a client's row into the README."""
        README.write_text(self.written(README.read_text("utf-8"), name, line, order), "utf-8")

    def written(self, text: str, name: str, line: str, order: Iterable[str]) -> str:
        """The document with this row, in the place of the one of its name, in their order."""
        begin, end = f"<!-- {self.name}: begin -->\n", f"<!-- {self.name}: end -->\n"
        before, _, rest = text.partition(begin)
        table, found, after = rest.partition(end)
        assert found, f"{README} has no place for the table: {begin.strip()} ... {end.strip()}"
        rows = {_name(each): each for each in table.splitlines() if each.startswith("| ")}
        rows[name] = line
        known = [rows[each] for each in order if each in rows]
        return f"{before}{begin}{self.head}{''.join(f'{each}\n' for each in known)}{end}{after}"


def _name(line: str) -> str:
    """Whose row it is: what stands before the version."""
    return line.removeprefix("| ").partition(" | ")[0].rpartition(" (")[0]
