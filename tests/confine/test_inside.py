"""The helper: what it is made of. What it does is in tests/e2e/test_confine.py."""

import ast
import importlib.util
import sys

from llmcap.confine.start import HELPER

LINES_MAX = 220


def test_the_helper_imports_nothing_that_is_slow() -> None:
    """Modules of the standard library that are written in C, or that every start has loaded."""
    for node in ast.parse(HELPER.read_text(encoding="utf-8")).body:
        for name in (alias.name for alias in node.names) if isinstance(node, ast.Import) else ():
            found = importlib.util.find_spec(name)
            native = name in sys.builtin_module_names or found.origin.endswith(".so")
            assert native or name in {"ctypes", "os", "struct"}, name
        assert not isinstance(node, ast.ImportFrom)


def test_the_helper_is_small() -> None:
    """It can be read as a whole by who wants to trust it."""
    assert len(HELPER.read_text(encoding="utf-8").splitlines()) <= LINES_MAX
