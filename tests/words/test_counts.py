"""Numbers with what they count, everywhere by one function."""

import ast
from pathlib import Path

import pytest

from llmcap.words.counts import several

SOURCE = Path(__file__).resolve().parents[2] / "addons" / "llmcap"

# What LLMCap counts for people. In a sentence none of them stands behind a bare number.
NOUNS = (
    "attempts", "budgets", "calls", "changes", "days", "entries", "exchanges", "files", "hosts",
    "keys", "lines", "models", "pages", "prices", "projects", "providers", "proxies", "requests",
    "rows", "seals", "sessions", "times", "tokens", "tools", "windows",
)  # fmt: skip

# A constant of ours, never one: `BYTES_MAX`; the second number of "3 of 10 calls".
ALWAYS_MANY = ("_MAX", "_MIN")


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("call",), "0 calls"),
        (1, ("call",), "1 call"),
        (1, ("entry", "entries"), "1 entry"),
        (2_000, ("entry", "entries"), "2,000 entries"),
        (1, ("call was", "calls were"), "1 call was"),
    ],
)
def test_one_is_one(number: int, words: tuple[str, ...], said: str) -> None:
    """One call, no calls, two thousand calls."""
    assert several(number, *words) == said


def bare(tree: ast.AST) -> list[tuple[int, str]]:
    """Where a number that nobody looked at stands before a noun for many: line, noun."""
    found = []
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        for value, after in zip(text.values, text.values[1:], strict=False):
            if not (isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant)):
                continue
            words = str(after.value).split()
            noun = words[0].strip(".,;:)") if str(after.value).startswith(" ") and words else ""
            if noun in NOUNS and not ast.unparse(value.value).endswith(ALWAYS_MANY):
                found.append((text.lineno, noun))
    return found


def test_a_number_before_its_noun_is_found() -> None:
    """The rule below sees what it is for."""
    assert bare(ast.parse('f"{count} calls were"')) == [(1, "calls")]
    assert bare(ast.parse('f"{len(rows):,} rows"')) == [(1, "rows")]
    assert bare(ast.parse('f"more than {ROWS_MAX} rows, {name} calls-"')) == []


def test_nobody_says_one_calls() -> None:
    """Every sentence with a number and a noun is made by `several`."""
    found = [
        f"{path.relative_to(SOURCE)}:{line}: a number of {noun}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, noun in bare(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
