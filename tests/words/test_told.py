"""Nothing that somebody else named is obeyed by a terminal, or taken for a line of a log."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.cli.output import echo, echo_json, echo_table, styled, tell
from llmcap.words.told import MORE, Log, json_text, lines, one_line

# Moves the cursor, ends a line, starts an escape in one byte, reads backwards, rings.
HOSTILE = "a\x1b[2Jb\nLLMCap: all is paid\r\x9b31mc\u202ed\u2028e\x07\x00"


def harmless(text: str) -> bool:
    """Whether a terminal only shows it, line by line."""
    return all(each.isprintable() or each == "\n" for each in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("claude-opus", "claude-opus"),
        ("größe 模型 🚀", "größe 模型 🚀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines", "two\\nlines"),
        ("\u202eback", "\\u202eback"),
        ("\udc80", "\\udc80"),
    ],
)
def test_what_is_no_printable_character_is_written_out(text, shown):
    """As Python writes it; all else stays as it is."""
    assert one_line(text) == shown


@given(st.text())
def test_any_text_becomes_one_line(text):
    """Of characters that are only shown."""
    assert one_line(text).isprintable()
    assert harmless(lines(text))


@given(st.text())
def test_json_means_the_same_and_is_harmless(text):
    """Lone surrogates too."""
    made = json_text(json.dumps({"name": text}, indent=2, ensure_ascii=False))
    assert harmless(made)
    assert json.loads(made) == {"name": text}


def test_every_way_to_print_is_harmless(capsys):
    """Tables, sentences, JSON, with colour or without."""
    echo(HOSTILE)
    echo(styled(HOSTILE, fg="red"), f": {HOSTILE}")
    echo_table(["NAME", HOSTILE], [[HOSTILE, "1"], ["x", HOSTILE]], colours=[None, "red"])
    echo_json({HOSTILE: [HOSTILE]})
    tell(HOSTILE)
    printed = capsys.readouterr()
    assert harmless(printed.out)
    assert harmless(printed.err)


def test_a_log_line_cannot_be_forged(caplog):
    """Whatever is in the arguments: a further line is indented, and the traceback with it."""
    log = Log("llmcap.test")
    with caplog.at_level(logging.INFO, logger="llmcap.test"):
        log.warning("%s has no price", HOSTILE)
        try:
            int(HOSTILE)
        except ValueError:
            log.exception("it failed")
    for record in caplog.records:
        assert record.exc_info is None, "the traceback is part of the message"
        _, *more = record.getMessage().split("\n")
        assert harmless(record.getMessage())
        assert all(line.startswith(MORE) for line in more)
    assert "ValueError" in caplog.records[1].getMessage()
