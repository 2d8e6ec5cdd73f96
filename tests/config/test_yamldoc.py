"""YAML whose every value knows its place."""

from decimal import Decimal

import pytest

from llmcap.config.yamldoc import parse
from llmcap.words.errors import ConfigError


def test_numbers_keep_their_literal():
    """A price is exactly what was typed."""
    document = parse("input: 2.50\noutput: 10\n", file="c.yaml")
    assert document.plain == {"input": Decimal("2.50"), "output": 10}
    assert isinstance(document.value["input"].value, Decimal)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: true", True),
        ("a: off", False),
        ("a: null", None),
        ("a: 1_000", 1000),
        ("a: -3", -3),
        ("a: '5'", "5"),
        ("a: 5/day", "5/day"),
        ("a: .inf", ".inf"),
        ("a: 0x1F", "0x1F"),
        ("a: 2026-01-01", "2026-01-01"),
    ],
)
def test_scalars_are_what_they_look_like(text, value):
    """Only plain numbers are numbers; dates and oddities stay text for their reader to judge."""
    assert parse(text, file="c.yaml").plain == {"a": value}


def test_a_place_knows_file_line_and_path():
    """An error can say where."""
    document = parse("budgets:\n- name: all\n  cap: banana\n", file="c.yaml")
    cap = next(iter(document.value["budgets"].each())).value["cap"]
    with pytest.raises(ConfigError, match=r"^c\.yaml:3: budgets\.0\.cap: 'banana' is wrong$"):
        cap.fail(f"{cap.shown} is wrong")


def test_a_hint_stands_on_its_own_line():
    """The next move is easy to find."""
    with pytest.raises(ConfigError, match=r"\nhint: do this$"):
        parse("a: 1", file="c.yaml").fail("wrong", hint="do this")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "c.yaml:3: a: the key stands twice in one map, first at line 1"),
        ("a: [1\n", "c.yaml:2: this is not valid YAML"),
        ("a: &x 1\nb: *y\n", "c.yaml:2: this is not valid YAML"),
        ("\ta: 1", "c.yaml:1: this is not valid YAML"),
        ("a: \x00", "c.yaml:1: this is not valid YAML"),
    ],
    ids=["twice", "unclosed", "alias", "tab", "control"],
)
def test_what_is_no_yaml_says_where(text, message):
    """No traceback for a user's typo."""
    with pytest.raises(ConfigError) as caught:
        parse(text, file="c.yaml")
    assert str(caught.value).startswith(message)


def test_an_empty_file_is_an_empty_document():
    """A config with comments only is a config."""
    document = parse("# nothing\n", file="c.yaml")
    assert list(document.items()) == []


def test_a_list_is_no_map_and_a_map_no_list():
    """The wrong kind of value is shown."""
    with pytest.raises(ConfigError, match="is not a map of keys"):
        dict(parse("- 1\n", file="c.yaml").items())
    with pytest.raises(ConfigError, match="is not a list"):
        list(parse("a: 1\n", file="c.yaml").each())
