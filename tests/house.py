"""
The shape of a source tree, read from its imports: who may know whom, and what is in the way.

Every rule is a function over `House`, which gives the faults that it finds as sentences. So the
rules can be tried on a house that was built to break them.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

# The rooms, from the ground up: each imports itself, and those that stand before it. A module that
# needs one from a later room is in the wrong room, or holds two subjects. The names without a room
# (`assembly`, `addon`, `__main__`) are modules of the root.
ROOMS = [
    "words",
    "streams",
    "pricing",
    "tariffs",
    "providers",
    "bounds",
    "metering",
    "budgets",
    "brakes",
    "ledger",
    "treasury",
    "replies",
    "notices",
    "telemetry",
    "config",
    "shared",
    "walk",
    "sockets",
    "audit",
    "rehearsal",
    "reconcile",
    "imports",
    "keys",
    "shell",
    "assembly",
    "addon",
    "authority",
    "confine",
    "page",
    "launch",
    "screens",
    "checkup",
    "cli",
    "__main__",
]

# The same inside `providers`: what all formats are made of, then a family after the other. Vendors
# of one file stand last, with the tables that list them; two of those are stood on by families.
FAMILIES = [
    "parts",
    "openai",
    "anthropic",
    "compatible_tools",
    "compatible",
    "bedrock",
    "dashscope",
    "google",
    "mistral",
    "xai",
]

# What comes from outside the standard library, and which rooms may use it.
OUTSIDE = {
    "apprise": "notices",
    "brotli": "streams",
    "certifi": "authority",
    "click": "cli",
    "botocore": "keys",
    "cryptography": "authority cli ledger",
    "h2": "shell",
    "hyperframe": "shell",
    "opentelemetry": "telemetry",
    "requests": "telemetry",
    "mitmproxy": "addon audit checkup launch shell",
    "PIL": "cli screens",
    "prometheus_client": "page",
    "psycopg": "treasury",
    "pypdf": "bounds",
    "pystray": "cli",
    "rich": "cli",
    "sqlite_utils": "ledger",
    "textual": "cli",
    "tiktoken": "bounds",
    "tinytag": "bounds",
    "tornado": "page",
    "wsproto": "shell",
    "yaml": "audit config pricing",
    "zstandard": "streams",
}

# Rooms from which on mitmproxy may be needed; everything before works without it.
EDGE = "audit"

# Rooms where amounts are computed. Elsewhere a float may be a number of seconds.
MONEY = [
    "bounds",
    "budgets",
    "ledger",
    "pricing",
    "shared",
    "treasury",
    "walk",
    "words",
    "metering/bill",
]
# Modules of theirs that measure time, pixels or seconds of sound, and no money.
NO_MONEY = [
    "bounds/families",
    "bounds/frames",
    "bounds/limits",
    "bounds/matroska",
    "bounds/media",
    "bounds/mp4",
    "bounds/ogg",
    "bounds/pages",
    "bounds/pictures",
    "bounds/raw",
    "bounds/sizes",
    "bounds/sound",
    "shared/gauges",
    "shared/guard",
    "shared/parked",
    "walk/patience",
]

LINES_MAX = 400  # past these a file usually holds two subjects
LOOSE_MAX = 4  # modules in the root, but for its `__init__` and the three that put all together
ROOM_MAX = 24  # modules loose in one folder
WIDE = {"cli": 40, "providers": 32}  # a file per command, a file per vendor of one file


@dataclass(frozen=True)
class House:
    """A package: `source` is the folder that has its name."""

    source: Path
    rooms: list[str] = field(default_factory=lambda: ROOMS)
    families: list[str] = field(default_factory=lambda: FAMILIES)

    @cached_property
    def files(self) -> list[Path]:
        """Every module, sorted."""
        return sorted(self.source.rglob("*.py"))

    @cached_property
    def names(self) -> dict[str, Path]:
        """The full name of every module, and its file."""
        return {self.name_of(path): path for path in self.files}

    def name_of(self, path: Path) -> str:
        """`llmcap.walk.decision`; a folder's `__init__` has the name of the folder."""
        parts = (self.source.name, *path.relative_to(self.source).with_suffix("").parts)
        return ".".join(parts).removesuffix(".__init__")

    @cached_property
    def trees(self) -> dict[Path, ast.Module]:
        """Each file, parsed."""
        return {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in self.files}

    @cached_property
    def graph(self) -> dict[str, set[str]]:
        """Which modules of ours each imports, wherever in it: in functions and for types too."""
        return {
            name: {known for each in self.imports(path) if (known := self.ours(each))} - {name}
            for name, path in self.names.items()
        }

    def ours(self, imported: str) -> str | None:
        """The module that an imported name is, or is in; None if it is not ours."""
        while imported and imported not in self.names:
            imported = imported.rpartition(".")[0]
        return imported or None

    def imports(self, path: Path) -> Iterator[str]:
        """The full names that a file imports, those of a `from` with what is taken out of it."""
        for node in ast.walk(self.trees[path]):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the room"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def room_of(self, name: str) -> str:
        """The room of a module, or its own name if it is loose in the root; "" for the root's."""
        return [*name.split("."), ""][1]

    def family_of(self, name: str) -> str:
        """The same within `providers`."""
        return [*name.split("."), "", ""][2]


def strangers(house: House) -> list[str]:
    """Rooms that nobody has put in the list."""
    found = sorted({house.room_of(name) for name in house.names} - {"", *house.rooms})
    return [
        f"{room} is no room in the list: put it behind what it imports" for room in sorted(found)
    ]


def upward(house: House) -> list[str]:
    """Imports of a room that stands later."""
    place = {room: number for number, room in enumerate(house.rooms)}
    return [
        f"{name} imports {known}, which stands later"
        for name, others in house.graph.items()
        for known in sorted(others)
        if place.get(house.room_of(name), len(place)) < place.get(house.room_of(known), -1)
    ]


def upward_in_providers(house: House) -> list[str]:
    """Imports of a family that stands later, or of a vendor of one file by a family."""
    place = {family: number for number, family in enumerate(house.families)}
    last = len(place)
    return [
        f"{name} imports {known}, which stands later in providers"
        for name, others in house.graph.items()
        if house.room_of(name) == "providers" and house.family_of(name) in place
        for known in sorted(others)
        if house.room_of(known) == "providers"
        and place[house.family_of(name)] < place.get(house.family_of(known), last)
    ]


def circle(house: House) -> list[str]:
    """The members of the first circle of imports that is found."""
    try:
        list(TopologicalSorter(house.graph).static_order())
    except CycleError as error:
        return ["imports go in a circle: " + " -> ".join(reversed(error.args[1]))]
    return []


def loose(house: House) -> list[str]:
    """Too many modules in the root."""
    names = [path.stem for path in house.source.glob("*.py") if path.stem != "__init__"]
    names = sorted(set(names) - {"addon", "assembly", "__main__"})
    return [f"loose in the root: {', '.join(names)}"] if len(names) > LOOSE_MAX else []


def crowded(house: House) -> list[str]:
    """Folders with too many modules side by side."""
    found = []
    for folder in sorted({path.parent for path in house.files} - {house.source}):
        count = sum(path.stem != "__init__" for path in folder.glob("*.py"))
        most = WIDE.get(str(folder.relative_to(house.source)), ROOM_MAX)
        if count > most:
            found.append(
                f"{folder.name} has {count} modules, {most} are the most: make a room in it"
            )
    return found


def unsaid(house: House) -> list[str]:
    """Rooms whose `__init__` does not say what comes in, what goes out and what it never does."""
    found = []
    for folder in sorted({path.parent for path in house.files} - {house.source}):
        init = folder / "__init__.py"
        said = ast.get_docstring(house.trees[init]) if init in house.trees else None
        text = " ".join((said or "").lower().split())
        wanted = (r"comes? in", r"(goe?s?|comes?) out|out goe?s?|out come", r"\bnever\b")
        found.extend(
            f"{folder.name}/__init__.py does not say it: {pattern}"
            for pattern in wanted
            if not re.search(pattern, text)
        )
    return found


def long(house: House) -> list[str]:
    """Files that hold more than one subject, by their length."""
    found = []
    for path in house.files:
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > LINES_MAX:
            found.append(f"{path.relative_to(house.source)} has {count} lines: split it")
    return found


# What LLMCap counts for people. In a sentence none of them stands behind a number that nobody has
# looked at: `words.counts.several` makes "1 call" of it.
NOUNS = (
    "attempts", "budgets", "calls", "changes", "days", "entries", "exchanges", "files", "hosts",
    "keys", "lines", "models", "pages", "prices", "projects", "providers", "proxies", "requests",
    "rows", "seals", "sessions", "times", "tokens", "tools", "windows",
)  # fmt: skip

# A constant of ours, never one.
ALWAYS_MANY = ("_MAX", "_MIN")


def uncounted(house: House) -> list[str]:
    """Sentences that would say "1 calls"."""
    return [
        f"{path.relative_to(house.source)}:{line}: a number of {noun} is not made by `several`"
        for path in house.files
        for line, noun in _bare(house.trees[path])
    ]


def _bare(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        for value, after in pairwise(text.values):
            if not (isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant)):
                continue
            words = str(after.value).split()
            noun = words[0].strip(".,;:)") if str(after.value).startswith(" ") and words else ""
            if noun in NOUNS and not ast.unparse(value.value).endswith(ALWAYS_MANY):
                yield text.lineno, noun


def unmirrored(house: House, tests: Path, others: set[str]) -> list[str]:
    """Rooms without a folder of tests, and folders of tests that are no room."""
    rooms = {house.room_of(name) for name, path in house.names.items() if path.stem == "__init__"}
    rooms = {room for room in rooms if room}
    tested = {path.parent.relative_to(tests).parts[0] for path in tests.glob("*/**/test_*.py")}
    return [f"tests/{room} has no test" for room in sorted(rooms - tested)] + [
        f"tests/{name} is named after no room" for name in sorted(tested - rooms - others)
    ]
