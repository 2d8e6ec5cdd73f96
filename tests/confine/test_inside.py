"""What runs in the fork: what it is made of. What it does is in tests/e2e/test_confine.py."""

import ast
from pathlib import Path

from llmcap.confine import inside

TEXT = Path(inside.__file__).read_text(encoding="utf-8")
LINES_MAX = 220


def test_what_runs_in_the_fork_imports_and_logs_nothing() -> None:
    """Another thread may have held the lock that it would wait for."""
    tree = ast.parse(TEXT)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [node for node in imports if node not in tree.body] == []
    assert "logg" not in TEXT.partition('"""\n')[2]
    assert "print" not in TEXT


def test_what_runs_in_the_fork_is_small() -> None:
    """It can be read as a whole by who wants to trust it."""
    assert len(TEXT.splitlines()) <= LINES_MAX
