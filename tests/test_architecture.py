"""
The map of the source, held: `house.py` has the rooms, their order, and each rule as a function.

Every rule is also tried on a house that was built to break it.
"""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import house
import pytest
from house import House
from rows import each_row

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
HOUSE = House(ROOT / "addons" / "llmcap")

# Folders of tests that are about the whole, or about what is beside the package.
WHOLE = {"addon", "corpus", "e2e", "faults", "scripts"}

RULES = [
    house.strangers,
    house.upward,
    house.upward_in_providers,
    house.circle,
    house.loose,
    house.crowded,
    house.unsaid,
    house.long,
    house.uncounted,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_every_rule(rule: Callable[[House], list[str]]) -> None:
    """Rooms in one list, one direction, no circle, nothing loose, crowded, unsaid or too long."""
    assert rule(HOUSE) == []


def test_tests_mirror_the_rooms() -> None:
    """Whoever looks for the tests of a room finds them in the folder of the same name."""
    assert house.unmirrored(HOUSE, TESTS, WHOLE) == []


SAYS = '"""\nText comes in, text goes out. Never fails.\n"""\n'

# A rule, the files of a house of two rooms, `low` and `high`, that breaks it, and what is named.
BROKEN = [
    ("strangers", {"cellar/__init__.py": SAYS}, "cellar"),
    ("upward", {"low/a.py": "from here.high import b\n"}, "here.low.a imports here.high.b"),
    (
        "upward",
        {"low/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import here.high.b\n"},
        "here.low.a imports here.high.b",
    ),
    ("upward", {"low/a.py": "def f():\n from here.high.b import x\n"}, "here.high.b"),
    (
        "upward_in_providers",
        {"providers/first/a.py": "from here.providers.second import b\n"},
        "here.providers.second.b",
    ),
    (
        "upward_in_providers",
        {"providers/first/a.py": "from here.providers import alone\n"},
        "here.providers.alone",
    ),
    (
        "circle",
        {
            "low/a.py": "from here.low import c\n",
            "low/c.py": "def f():\n from here.low.a import x\n",
        },
        "here.low.a",
    ),
    ("loose", {f"{name}.py": "" for name in "vwxyz"}, "v, w, x, y, z"),
    ("crowded", {f"low/m{number}.py": "" for number in range(30)}, "low has"),
    ("unsaid", {"low/__init__.py": '"""Text comes in and goes out."""\n'}, "never"),
    ("unsaid", {"low/deeper/a.py": ""}, "deeper"),
    ("uncounted", {"low/a.py": 'f"{count} calls were"'}, "low/a.py:1: a number of calls"),
    ("long", {"low/a.py": "\n" * 500}, "low/a.py has 500 lines"),
]


@pytest.mark.parametrize(
    ("rule", "files", "named"),
    BROKEN,
    ids=[each[0] for each in BROKEN],
)
def test_a_rule_names_what_breaks_it(
    rule: str, files: dict[str, str], named: str, tmp_path: Path
) -> None:
    """A house of two rooms is in order, and is no more once the files are in it."""
    whole = {
        "__init__.py": "",
        "low/__init__.py": SAYS,
        "low/a.py": "",
        "high/__init__.py": SAYS,
        "high/b.py": "from here.low import a\nx = 1\n",
        "providers/__init__.py": SAYS,
        "providers/alone.py": "",
        "providers/first/__init__.py": SAYS,
        "providers/second/__init__.py": SAYS,
        "providers/second/b.py": "",
    }
    check = getattr(house, rule)
    assert check(built(tmp_path / "before" / "here", whole)) == []
    found = check(built(tmp_path / "after" / "here", whole | files))
    assert found
    assert named in found[0]


def test_a_room_without_tests_is_named(tmp_path: Path) -> None:
    """And so is a folder of tests that belongs to no room."""
    there = built(tmp_path / "here", {"__init__.py": "", "low/__init__.py": SAYS})
    (tmp_path / "tests" / "lower").mkdir(parents=True)
    (tmp_path / "tests" / "lower" / "test_a.py").touch()
    found = house.unmirrored(there, tmp_path / "tests", set())
    assert found == ["tests/low has no test", "tests/lower is named after no room"]


def built(source: Path, files: dict[str, str]) -> House:
    """A house of these files."""
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    return House(source, rooms=["low", "providers", "high"], families=["first", "second"])


each_module = each_row("path", HOUSE.files, ids=lambda path: path.relative_to(HOUSE.source))


@each_module
def test_packages_from_outside_stay_where_they_belong(path: Path) -> None:
    """A dependency is used in few places, so that it can be replaced."""
    room = HOUSE.room_of(HOUSE.name_of(path))
    for name in HOUSE.imports(path):
        package = name.partition(".")[0]
        if package == "llmcap" or package in sys.stdlib_module_names:
            continue
        allowed = house.OUTSIDE.get(package, "").split()
        assert room in allowed, f"{room} imports {package}, which only {allowed or 'nobody'} may"


def test_everything_before_the_edges_works_without_mitmproxy() -> None:
    """The walk of a call can be used, and tested, where mitmproxy is not installed."""
    inner = set(house.ROOMS[: house.ROOMS.index(house.EDGE)])
    names = [name for name in HOUSE.names if HOUSE.room_of(name) in inner]
    program = (
        "import importlib, sys\n"
        "sys.modules['mitmproxy'] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(HOUSE.source.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    # A driver of an optional database may be missing; mitmproxy must not be missed.
    assert result.returncode == 0, result.stderr


@each_module
def test_no_float_is_near_money(path: Path) -> None:
    """No conversion to float, no annotation with it, and no literal, where amounts are computed."""
    place = path.relative_to(HOUSE.source).with_suffix("").as_posix()
    rooms = {place, place.partition("/")[0]}
    if rooms.isdisjoint(house.MONEY) or place in house.NO_MONEY:
        return
    for node in ast.walk(HOUSE.trees[path]):
        assert not is_float(node), f"{place}:{getattr(node, 'lineno', 0)}: a float near money"


def is_float(node: ast.AST) -> bool:
    """Whether the node makes a float, or says that something is one."""
    match node:
        case ast.Call(func=ast.Name(id="float")):
            return True
        case ast.Constant(value=float()):
            return True
        case ast.arg(annotation=said) | ast.AnnAssign(annotation=said):
            pass
        case ast.FunctionDef(returns=said) | ast.AsyncFunctionDef(returns=said):
            pass
        case _:
            return False
    if said is None:
        return False
    return any(isinstance(part, ast.Name) and part.id == "float" for part in ast.walk(said))


@each_module
def test_every_time_has_a_zone(path: Path) -> None:
    """No `datetime.now()` without a zone, no `utcnow`, no `today`, no naive `fromtimestamp`."""
    for node in ast.walk(HOUSE.trees[path]):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name, arguments = node.func.attr, len(node.args) + len(node.keywords)
        owner = ast.unparse(node.func.value)
        if not owner.endswith(("datetime", "date")):
            continue
        naive = (
            name in {"utcnow", "utcfromtimestamp", "today"}
            or (name == "now" and arguments == 0)
            or (name == "fromtimestamp" and arguments < 2)
        )
        assert not naive, f"{path.name}:{node.lineno}: {owner}.{name} gives a time without a zone"
