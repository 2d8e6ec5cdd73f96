"""
The shape of the source, read from its imports: who may know whom, and what is banned where.

The table below is the map of `addons/llmcap`: what is in none of its rows is an edge. A module that
needs one from a row below its own is in the wrong row, or holds two subjects.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "addons" / "llmcap"
TESTS = ROOT / "tests"

LINES_MAX = 400

# Each row may import itself and the rows above; the edges, which come last, may import everything.
# A package stands for all of its modules.
ROWS = {
    "words": "errors money paths records rules words",
    "readers": "pricing providers streams vocabulary windows yamldoc",
    "rules": (
        "alerts attributes bounds brakes budget estimate events lineage lots meter pace replies "
        "waiting"
    ),
    "store": "ledger",
    "walk": (
        "admission allowance bill deferred firewall flight guard parked patience restrain shared "
        "sockets unfinished uploads visible walk"
    ),
}

# What comes from outside the standard library, and who may use it.
OUTSIDE = {
    "apprise": "notices",
    "brotli": "streams",
    "certifi": "authority",
    "click": "cli",
    "cryptography": "authority cli",
    "mitmproxy": "addon checkup cut launch recordings shell",
    "psycopg": "ledger",
    "pypdf": "bounds",
    "rich": "cli",
    "sqlite_utils": "ledger",
    "textual": "cli",
    "tiktoken": "vocabulary",
    "tinytag": "bounds",
    "wsproto": "shell",
    "yaml": "pricing yamldoc",
    "zstandard": "streams",
}

# Where amounts are computed. Elsewhere a float may be a number of seconds.
MONEY = (
    "admission allowance bill budget deferred estimate firewall flight ledger lots money pricing "
    "records restrain shared uploads walk words"
)

# Modules whose tests are not named after them, and where they are.
TESTED_IN = {
    "__init__": "nothing is in it",
    "cut": "e2e/test_wire.py: only a real proxy has the streams that it cuts",
    "restrain": "test_guard.py: it asks the guard, and does what that says",
    "rules": "test_config.py, test_thresholds.py, test_breakers.py: records without functions",
    "walk": "test_firewall.py, test_admission.py: answers, which the steps give",
}


def modules() -> list[Path]:
    """Every source file of the package."""
    return sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The module, or the package, directly under `llmcap` that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def row_of(part: str) -> int:
    """The number of its row, from the top."""
    for number, names in enumerate(ROWS.values()):
        if part in names.split():
            return number
    return len(ROWS)


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[str]:
    """The full names that a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the row"
            module = node.module or ""
            if module == "llmcap":
                yield from (f"llmcap.{alias.name}" for alias in node.names)
            else:
                yield module


def each_module() -> pytest.MarkDecorator:
    """One case per source file."""
    return pytest.mark.parametrize(
        "path", modules(), ids=lambda path: str(path.relative_to(SOURCE))
    )


@each_module()
def test_a_module_imports_only_its_row_and_the_rows_above(path: Path) -> None:
    """Knowledge flows one way: from words to edges."""
    part = part_of(path)
    own = row_of(part)
    for name in imports(path):
        if name.startswith("llmcap."):
            imported = name.split(".")[1]
            assert imported == part or row_of(imported) <= own, f"{part} must not know {imported}"


@each_module()
def test_packages_from_outside_stay_where_they_belong(path: Path) -> None:
    """A dependency is used in few places, so that it can be replaced."""
    part = part_of(path)
    for name in imports(path):
        package = name.partition(".")[0]
        if package == "llmcap" or package in sys.stdlib_module_names:
            continue
        allowed = OUTSIDE.get(package, "").split()
        assert part in allowed, f"{part} imports {package}, which only {allowed or 'nobody'} may"


def test_everything_above_the_edges_works_without_mitmproxy() -> None:
    """The walk of a call can be used, and tested, where mitmproxy is not installed."""
    edges = len(ROWS)
    names = [
        ".".join(("llmcap", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in modules()
        if row_of(part_of(path)) < edges and path.name != "__main__.py"
    ]
    program = (
        "import importlib, sys\n"
        "sys.modules['mitmproxy'] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    # A driver of an optional database may be missing; mitmproxy must not be missed.
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("part", sorted({part_of(path) for path in modules()}))
def test_every_module_has_a_test_file(part: str) -> None:
    """`test_PART.py`, or `test_PART_*.py`, or a folder for a package."""
    if part in TESTED_IN:
        return
    found = [
        *TESTS.glob(f"test_{part}.py"),
        *TESTS.glob(f"test_{part}_*.py"),
        *TESTS.glob(f"addon/test_{part}.py"),
        *TESTS.glob(f"{part}/test_*.py"),
    ]
    assert found, f"llmcap.{part} has no test file: write tests/test_{part}.py"


@each_module()
def test_no_float_is_near_money(path: Path) -> None:
    """No conversion to float, no annotation with it, and no literal, where amounts are computed."""
    if part_of(path) not in MONEY.split():
        return
    for node in ast.walk(tree(path)):
        assert not is_float(node), f"{path.name}:{getattr(node, 'lineno', 0)}: a float near money"


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


@each_module()
def test_every_time_has_a_zone(path: Path) -> None:
    """No `datetime.now()` without a zone, no `utcnow`, no `today`, no naive `fromtimestamp`."""
    for node in ast.walk(tree(path)):
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


@each_module()
def test_a_file_holds_one_subject(path: Path) -> None:
    """Past 400 lines there are usually two."""
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count <= LINES_MAX, f"{path.name} has {count} lines: split it"
